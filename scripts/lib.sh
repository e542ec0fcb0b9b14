# Shared by the scripts beside it: each sources this file first, and then stands in the
# repository's root.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Every build of the same configuration uses the same flags, so that one build serves them all.
# shellcheck disable=SC2034  # read by the scripts that source this file
swift_flags=(--explicit-target-dependency-import-check error)

# A release holds the Swift runtime: it starts faster, needs 5 MiB less memory, and runs on machines
# that have no Swift.
# shellcheck disable=SC2034
release_flags=(-c release --static-swift-stdlib "${swift_flags[@]}")

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Runs a command as one step of a longer job, and says how long it took.
steps=()
step() {
  local title=$1 start=$SECONDS
  shift
  printf '\n== %s\n' "$title" >&2
  "$@" || die "$title: failed after $((SECONDS - start)) s"
  printf '== %s: done in %d s\n' "$title" "$((SECONDS - start))" >&2
  steps+=("$(printf '%6d s  %s' "$((SECONDS - start))" "$title")")
}

# All steps so far with the seconds that they took, the slowest first.
report_steps() { printf '%s\n' "${steps[@]}" | sort --reverse --numeric-sort >&2; }
