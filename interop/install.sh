#!/bin/sh
# Unpacks the peers of the interoperation tests from Debian's packages, each with the libraries that
# are not installed, below target/interop/peers/NAME. Nothing is installed and no service starts; the
# only thing written elsewhere is the user that Exim has compiled in, if it is missing and we are root.
#
#   interop/install.sh [FOLDER [NAME...]]       NAME: postfix exim opensmtpd nsd knot dovecot
#                                               dovecot-submissiond sslscan openssl gsasl msmtp swaks
#                                               libnet-ssleay-perl nodemailer s-nail mutt python3 mailparser
#                                               postgresql slapd
set -eu

folder=${1:-target/interop/peers}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- postfix exim opensmtpd nsd knot dovecot dovecot-submissiond sslscan openssl gsasl msmtp swaks \
    libnet-ssleay-perl nodemailer s-nail mutt python3 mailparser postgresql slapd
mkdir -p "$folder/debs"
folder=$(cd "$folder" && pwd)

package_of() {
    case $1 in
    dovecot) echo dovecot-lmtpd ;;
    exim) echo exim4-daemon-light ;;
    postgresql) echo postgresql-15 ;;
    *) echo "$1" ;;
    esac
}

# The package, and what it needs and this machine lacks.
closure() {
    apt-get install -s --no-install-recommends "$1" | awk '$1 == "Inst" { print $2 }'
    echo "$1"
}

updated=
update() {
    [ -n "$updated" ] || apt-get update -q >&2
    updated=yes
}

failed=0
for name in "$@"; do
    if [ -e "$folder/$name/.complete" ]; then
        echo "$name: there already"
        continue
    fi
    if [ "$name" = nodemailer ] || [ "$name" = mailparser ]; then
        # Libraries of Node, for those who have it.
        if command -v npm >/dev/null; then
            rm -rf "${folder:?}/$name"
            mkdir -p "$folder/$name"
            if npm install --silent --no-audit --no-fund --prefix "$folder/$name" "$name" >&2; then
                : >"$folder/$name/.complete"
                echo "$name: unpacked"
            else
                echo "$name: cannot be downloaded" >&2
                failed=1
            fi
        else
            echo "$name: left out, there is no npm"
        fi
        continue
    fi
    package=$(package_of "$name")
    apt-cache show "$package" >/dev/null 2>&1 || update
    rm -rf "${folder:?}/$name"
    mkdir -p "$folder/$name"
    if ! packages=$(closure "$package" | sort -u); then
        echo "$name: the packages it needs cannot be found out" >&2
        failed=1
        continue
    fi
    # A list of packages that has grown old names versions that are gone: then renew it, once.
    # shellcheck disable=SC2086
    if ! (cd "$folder/debs" && apt-get download -q $packages >&2); then
        update
        # shellcheck disable=SC2086
        if ! (cd "$folder/debs" && apt-get download -q $packages >&2); then
            echo "$name: cannot be downloaded" >&2
            failed=1
            continue
        fi
    fi
    for one in $packages; do
        for deb in "$folder/debs/${one%%:*}"_*.deb; do
            dpkg -x "$deb" "$folder/$name"
        done
    done
    : >"$folder/$name/.complete"
    echo "$name: unpacked" $packages
done

case " $* " in
*" exim "*)
    # Exim runs as this user from the beginning, and so needs no set-user-ID.
    if [ "$(id -u)" = 0 ] && ! id Debian-exim >/dev/null 2>&1; then
        useradd --system --user-group --no-create-home --home-dir /nonexistent \
            --shell /usr/sbin/nologin Debian-exim
    fi
    [ ! -e "$folder/exim/usr/sbin/exim4" ] || chmod u-s "$folder/exim/usr/sbin/exim4"
    ;;
esac
exit $failed
