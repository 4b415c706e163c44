# Sourced by bazel/run and bazel/test: what Bazel expects of its surroundings,
# for machines that lack it (containers, CI), and `root`, the repository.
#
# Sets: root, the repository's directory; bazel, an array: the command to run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
bazel=(bazel)

# Bazel keeps what it builds below the home directory, by user name.
if [[ -z ${USER:-} ]]; then
  USER=$(id -un 2>/dev/null || id -u)
  export USER
fi
if [[ -z ${HOME:-} ]]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6 || true)
  export HOME
fi
if [[ ! -d $HOME || ! -w $HOME ]]; then
  bazel+=("--output_user_root=${TMPDIR:-/tmp}/restate-bazel-$(id -u)")
fi
