"""A fuzz target, twice: as an ordinary test and as a libFuzzer binary."""

def fuzz_target(name, deps):
    """Makes NAME_test, which replays the corpus and mutations of it, and NAME.

    Args:
      name: of the source file, without ".cc", and of the libFuzzer binary. Its
        seeds are in corpus/NAME.
      deps: of the source file.
    """
    native.cc_library(
        name = name + "_target",
        testonly = True,
        srcs = [name + ".cc"],
        alwayslink = True,
        deps = deps + [":fuzz_target"],
    )
    native.filegroup(
        name = name + "_corpus",
        srcs = native.glob(["corpus/%s/*" % name]),
    )
    native.cc_test(
        name = name + "_test",
        size = "small",
        timeout = "moderate",
        srcs = ["replay.cc"],
        args = ["tests/fuzz/corpus/" + name],
        data = [":%s_corpus" % name],
        deps = [
            ":" + name + "_target",
            ":fuzz_target",
        ],
    )

    # Built by --config=fuzz only; see README.md.
    native.cc_binary(
        name = name,
        testonly = True,
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = [":" + name + "_target"],
    )
