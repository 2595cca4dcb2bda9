#!/usr/bin/env bash
# Tries the two Debian packages under a real systemd: over this machine's own files (an overlay, so that nothing of it is
# changed) and without a network, boots systemd, installs, starts, upgrades, removes, purges, and looks after each step.
#
#     packaging/deb/try.sh target/dist
#
# Needs root, Linux namespaces and overlayfs, and a Debian or Ubuntu with systemd. Not a test of `cargo test`: most containers
# have none of that. There, `packaging/src/dist/lifecycle.rs` runs the same scripts without systemd.
set -euo pipefail
packages=$(realpath "${1:?usage: packaging/deb/try.sh FOLDER}")

if [ "${2:-}" != inside ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cp "$packages"/holdfast_*.deb "$packages"/holdfast-hub_*.deb "$work"
    # systemd lives in namespaces of its own and ends with this program.
    timeout --signal=KILL 300 unshare --mount --pid --net --ipc --uts --cgroup --fork --kill-child \
        bash "$(realpath "$0")" "$work" inside >"$work/console" 2>&1 || true
    cat "$work/told" || cat "$work/console"
    [ -e "$work/done" ]
    exit
fi

mount --make-rprivate /
mount --bind "$packages" /mnt
# systemd's own folder for what there is only while it runs is a good place: it is on every machine.
mount -t tmpfs overlay /run
mkdir -p /run/over/{changes,scratch,root}
mount -t overlay over -o lowerdir=/,upperdir=/run/over/changes,workdir=/run/over/scratch /run/over/root
cd /run/over/root
mount --bind /mnt mnt
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup sys/fs/cgroup
mount -t tmpfs run run
mount -t tmpfs tmp tmp
mount --rbind /dev dev
rm -f usr/sbin/policy-rc.d
ln -sf /lib/systemd/system/multi-user.target etc/systemd/system/default.target
for busy in ssh dbus postgresql apache2 cron; do ln -sf /dev/null "etc/systemd/system/$busy.service"; done
cat >etc/systemd/system/try.service <<'UNIT'
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
Environment=LC_ALL=C
StandardOutput=file:/mnt/told
StandardError=inherit
ExecStart=/bin/bash -eu /mnt/steps
ExecStopPost=/bin/systemctl --force --force poweroff
UNIT
mkdir -p etc/systemd/system/basic.target.wants
ln -sf ../try.service etc/systemd/system/basic.target.wants/try.service

cat >mnt/steps <<'STEPS'
is() { if [ "$2" = "$3" ]; then echo "ok    $1: $2"; else echo "WRONG $1: $2, not $3"; exit 1; fi; }
of() { systemctl show --value --property "$2" "$1"; }
agent=holdfast-agent.service hub=holdfast-hub.service

dpkg --install /mnt/holdfast_*.deb /mnt/holdfast-hub_*.deb >/dev/null
is "installed, and no repository named: the agent is" "$(of $agent ActiveState)" inactive
is "why" "$(of $agent Result)" exec-condition
is "the hub is" "$(of $hub ActiveState)" inactive
is "enabled" "$(systemctl is-enabled $agent)" enabled

sed -i 's,^#repository:.*,repository: https://git.example.com/m.git,; s,^#region:,region:,' /etc/holdfast/agent.yaml
echo AWS_EC2_METADATA_DISABLED=true | tee -a /etc/holdfast/agent.env >>/etc/holdfast/hub.env
systemctl start $agent
sleep 3
is "configured: the agent is" "$(of $agent ActiveState)" active
first=$(of $agent MainPID)
is "as" "$(stat -c %U "/proc/$first")" holdfast
is "with capabilities" "$(awk '/CapBnd/ {print $2}' "/proc/$first/status")" 0000000000000000
is "behind a filter of system calls" "$(awk '/Seccomp:/ {print $2}' "/proc/$first/status")" 2
is "its folder" "$(stat -c '%U %a' /var/lib/holdfast)" 'holdfast 700'

echo 'HOLDFAST_HUB_QUEUE=https://sqs.eu-central-1.amazonaws.com/999999999999/q' >>/etc/holdfast/hub.env
systemctl start $hub
sleep 3
is "the hub has made its store, as" "$(stat -c %U /var/lib/holdfast-hub/hub.sqlite)" holdfast-hub

dpkg --install /mnt/holdfast_*.deb >/dev/null
sleep 1
is "upgraded: the agent is" "$(of $agent ActiveState)" active
is "anew" "$([ "$(of $agent MainPID)" != "$first" ] && echo yes)" yes
is "the configuration is kept" "$(grep -c '^repository:' /etc/holdfast/agent.yaml)" 1
systemd-analyze security --no-pager $agent $hub | tail -n 3

dpkg --remove holdfast >/dev/null
is "removed: running" "$(pgrep -cx holdfast || true)" 0
is "the configuration is kept" "$(grep -c '^repository:' /etc/holdfast/agent.yaml)" 1
dpkg --purge holdfast holdfast-hub >/dev/null 2>&1
is "purged: what is left" "$(ls -d /etc/holdfast /var/lib/holdfast* /var/cache/holdfast /usr/bin/holdfast* 2>/dev/null | tr '\n' ' ')" ''
touch /mnt/done
STEPS
exec chroot . /usr/bin/env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --log-target=console --log-level=warning
