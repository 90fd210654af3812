#!/bin/sh
# Install the programs that tests drive, when run as root on Debian; otherwise name what is missing and fail.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null
    # shellcheck disable=SC2086 - a list of words
    exec apt-get install -yq --no-install-recommends $missing >/dev/null
fi
echo "The tests need these programs:$missing. On Debian: apt-get install$missing" >&2
exit 1
