# What the commands of this folder share: counting, a Debian root, booting it. Sourced after `cd` to the repository's root.
passed=0 failed=0 skipped=0
work=build/package

ok() { passed=$((passed + 1)) && printf 'ok - %s\n' "$*"; }
bad() { failed=$((failed + 1)) && printf 'not ok - %s\n' "$*"; }
skip() { skipped=$((skipped + 1)) && printf 'ok - %s # SKIP\n' "$*"; }
figure() { printf '# %s\n' "$*"; }

# check NAME COMMAND...: what the command says is shown when it fails.
check() {
	local name=$1 said
	shift
	if said=$("$@" 2>&1); then
		ok "$name"
	else
		bad "$name"
		printf '%s\n' "$said" | tail -n 40 | sed 's/^/# /'
	fi
}

# same NAME WANTED GOT
same() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		bad "$1: wanted $(printf '%q' "$2"), got $(printf '%q' "$3")"
	fi
}

closing() {
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ]
	exit
}

have() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || return 1
	done
}

# until_true SECONDS COMMAND...: polls until the command succeeds.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		read -rt 0.05 <> <(:) || true
	done
}

milliseconds() { date +%s%3N; }

# The packages to test: those in TSUZUKI_DEBS, a folder, or some that are built now (without their unit tests, which CTest
# runs anyway).
the_package() {
	local folder=${TSUZUKI_DEBS:-$work}
	[ -n "${TSUZUKI_DEBS:-}" ] || packaging/build-deb --no-tests --out "$work" >/dev/null || return 1
	deb=$(ls "$folder"/tsuzuki_*_"$(dpkg --print-architecture)".deb) &&
		client=$(ls "$folder"/tsuzuki-client_*_"$(dpkg --print-architecture)".deb)
}

# again VERSION: the same package under another version, for upgrades.
again() {
	local tree=$work/again/tree
	rm -rf "$tree"
	mkdir -p "$tree"
	dpkg-deb -R "$deb" "$tree"
	sed -i "s/^Version: .*/Version: $1/" "$tree/DEBIAN/control"
	dpkg-deb --root-owner-group -b "$tree" "$work/again/tsuzuki.deb" >/dev/null
}

# A Debian 12 with systemd and what the package depends on, made once.
base_root() {
	local base=$work/base
	cmp -s tests/package/root-depends "$base.list" && return
	mkdir -p "$work"
	mmdebstrap --quiet --variant=minbase --include="$(paste -sd, tests/package/root-depends)" bookworm "$base.new.tar" &&
		mv "$base.new.tar" "$base.tar" && cp tests/package/root-depends "$base.list"
}

# boot: a machine of its own in $machine, started; inside() runs commands in it.
boot() {
	machine=$(mktemp -d "${TMPDIR:-/tmp}/tsuzuki-machine.XXXXXX")
	trap halt EXIT
	tar -C "$machine" -xf "$work/base.tar"
	systemd-nspawn --quiet --boot --private-network --register=no --keep-unit --console=pipe -D "$machine" \
		>"$work/machine.log" 2>&1 </dev/null &
	nspawn=$!
	until_true 60 find_leader && until_true 60 inside sh -c '[ "$(systemctl is-system-running)" = running ]'
}

find_leader() {
	leader=$(pgrep -P "$nspawn") && [ -n "$leader" ]
}

inside() {
	nsenter -t "$leader" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ LANG=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive "$@"
}

halt() {
	if [ -n "${nspawn:-}" ]; then
		# A machine that does not go by itself loses its first process, and everything with it.
		inside systemctl poweroff >/dev/null 2>&1 || true
		until_true 30 gone || kill -KILL "$leader" "$nspawn" 2>/dev/null || true
		wait "$nspawn" 2>/dev/null || true
		nspawn=
	fi
	rm -rf "${machine:?}"
}

gone() { ! kill -0 "$nspawn" 2>/dev/null; }

can_boot() {
	if [ "$(id -u)" -ne 0 ]; then
		reason="only root can boot a machine"
	elif ! have mmdebstrap systemd-nspawn nsenter; then
		reason="mmdebstrap or systemd-nspawn is not installed"
	elif ! base_root; then
		reason="mmdebstrap cannot make a root here"
	else
		return 0
	fi
	return 1
}
