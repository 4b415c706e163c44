"""Prints "N passed, N failed" for a run of `bazel test`.

Counts test cases, not targets: each target's test.xml has one entry for each
GoogleTest case. A target that failed without a failing case (it crashed, timed
out, leaked, or did not build) counts as one failure.

Usage: count_tests.py BUILD_EVENT_JSON_FILE EXIT_CODE_OF_BAZEL
Exits with 1 if anything failed or nothing ran.
"""

import json
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree


def count_cases(uri):
    """Returns (passed, failed) of a test.xml; (0, 0) if it cannot be read."""
    path = urllib.request.url2pathname(urllib.parse.urlparse(uri).path)
    try:
        cases = list(xml.etree.ElementTree.parse(path).iter("testcase"))
    except (OSError, xml.etree.ElementTree.ParseError):
        return 0, 0
    passed = failed = 0
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif (case.get("status") != "notrun" and
              case.get("result") not in ("suppressed", "skipped")):
            passed += 1
    return passed, failed


def main():
    events_file, bazel_exit_code = sys.argv[1], int(sys.argv[2])
    runs = {}
    with open(events_file, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            run = event.get("id", {}).get("testResult")
            if run is None or "testResult" not in event:
                continue
            # A later attempt of the same run replaces an earlier one.
            key = run.get("label"), run.get("run"), run.get("shard")
            runs[key] = event["testResult"]

    passed = failed = 0
    for result in runs.values():
        run_passed = run_failed = 0
        for output in result.get("testActionOutput", []):
            if output.get("name") == "test.xml":
                run_passed, run_failed = count_cases(output.get("uri", ""))
        if result.get("status") == "PASSED":
            run_passed = max(run_passed, 1)
        else:
            run_failed = max(run_failed, 1)
        passed += run_passed
        failed += run_failed

    # What did not build left no result. 4 means that there were no tests.
    if bazel_exit_code not in (0, 4) and failed == 0:
        failed = 1
    if not runs:
        print("no test ran", file=sys.stderr)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
