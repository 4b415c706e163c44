"""C++ from .proto files, with Debian's protoc and gRPC plugin."""

def cc_proto(
        name,
        srcs,
        deps = [],
        grpc = False,
        root = "protos",
        all_protos = ":all_protos",
        visibility = None):
    """Generates and compiles C++ for protos.

    Args:
      name: the cc_library to make. Include as "restate/v1/path.pb.h".
      srcs: .proto files, named relative to the package.
      deps: other cc_proto targets whose files these import.
      grpc: whether to also generate service stubs ("….grpc.pb.h").
      root: the package's directory, which imports of its files start from.
        Files below //protos can be imported from everywhere.
      all_protos: the files that may be imported.
      visibility: as usual.
    """
    headers = []
    sources = []
    for src in srcs:
        stem = src[:-len(".proto")]
        headers.append(stem + ".pb.h")
        sources.append(stem + ".pb.cc")
        if grpc:
            headers.append(stem + ".grpc.pb.h")
            sources.append(stem + ".grpc.pb.cc")
    plugin = ("--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin " +
              "--grpc_out=$(RULEDIR) ") if grpc else ""
    native.genrule(
        name = name + "_generate",
        srcs = srcs + [all_protos],
        outs = headers + sources,
        cmd = ("/usr/bin/protoc --proto_path=" + root +
               " --proto_path=protos --cpp_out=$(RULEDIR) " + plugin +
               " ".join(["$(location %s)" % s for s in srcs])),
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        # Generated code is not held to the project's warnings.
        copts = ["-w"],
        includes = ["."],
        visibility = visibility,
        deps = deps + [
            "//bazel/system:protobuf",
        ] + (["//bazel/system:grpc"] if grpc else []),
    )
