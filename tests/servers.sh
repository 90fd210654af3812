#!/bin/sh
# Install the programs that tests drive, when run as root on Debian; otherwise name what is missing and fail.
set -eu
missing=""
# needs PROGRAM PACKAGE: servers stand in /usr/sbin, which is not on everybody's path.
needs() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || needs initdb postgresql
needs chromium chromium
needs nginx nginx-light
needs openssl openssl
needs redis-server redis-server
needs systemd-analyze systemd
needs dovecot dovecot-imapd
[ -x /usr/lib/dovecot/pop3 ] || missing="$missing dovecot-pop3d"
needs postfix postfix
needs bearerbox kannel
[ -x /usr/lib/kannel/test/fakesmsc ] || missing="$missing kannel-extras"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null
    # The tests start servers of their own; Debian's shall not start one.
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
    fi
    # shellcheck disable=SC2086 - a list of words
    apt-get install -yq --no-install-recommends $missing >/dev/null
    exit 0
fi
echo "The tests need these programs:$missing. On Debian: apt-get install$missing" >&2
exit 1
