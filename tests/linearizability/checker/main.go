// Checks whether a history of calls on single keys is linearizable: whether
// every call can have happened at one moment between its beginning and its end,
// such that all answers are right.
//
// The history is read from the file that is named, one operation a line, in
// JSON (operation.go). Every key starts out absent.
//
//	checker [-page FILE] [-timeout DURATION] HISTORY
//
// Exit code 0: it is linearizable. 1: it is not; the first key for which it is
// not is named, and a page that shows how far it went is written. 2: it could
// not be read. 3: the time was not enough to tell.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

const (
	linearizable    = 0
	notLinearizable = 1
	notReadable     = 2
	notTold         = 3
)

func main() {
	page := flag.String("page", "", "where to show a history that is refused")
	timeout := flag.Duration("timeout", time.Minute, "for each key")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(notReadable)
	}
	os.Exit(run(flag.Arg(0), *page, *timeout))
}

func run(name, page string, timeout time.Duration) int {
	file, err := os.Open(name)
	if err != nil {
		fmt.Println(err)
		return notReadable
	}
	defer file.Close()
	history, err := readHistory(file)
	if err != nil {
		fmt.Printf("%s: %v\n", name, err)
		return notReadable
	}
	keys, parts := byKey(history)
	unknowns := 0
	for _, o := range history {
		if o.Outcome == unknown {
			unknowns++
		}
	}
	m := model()
	for _, key := range keys {
		began := time.Now()
		result, info := porcupine.CheckOperationsVerbose(m, parts[key], timeout)
		switch result {
		case porcupine.Unknown:
			fmt.Printf("%s: %d operations were too many to tell in %v\n", key,
				len(parts[key]), timeout)
			return notTold
		case porcupine.Illegal:
			fmt.Printf("%s: its %d operations are not linearizable (%v)\n", key,
				len(parts[key]), time.Since(began).Round(time.Millisecond))
			show(m, info, page)
			return notLinearizable
		}
	}
	fmt.Printf("linearizable: %d operations on %d keys, %d of unknown outcome\n",
		len(history), len(keys), unknowns)
	return linearizable
}

func show(m porcupine.Model, info porcupine.LinearizationInfo, page string) {
	if page == "" {
		return
	}
	if err := porcupine.VisualizePath(m, info, page); err != nil {
		fmt.Printf("the history could not be shown: %v\n", err)
		return
	}
	fmt.Printf("a browser shows it: %s\n", page)
}
