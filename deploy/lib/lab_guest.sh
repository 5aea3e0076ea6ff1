# shellcheck shell=bash
# lab_guest.sh - boot disks of the lab's guests.  Sourced, never run.
#
# A disk boots by itself: BIOS, our own boot program (guest/boot.c says why), Debian's cloud kernel
# (its payload is LZ4: quick to unpack without KVM), an initramfs with guest/init.c, busybox and a
# few modules.  From power-on to the first heart-beat it takes 2.2 s of CPU time.
#
#   sector 0.. boot program | 1024 control sector | 2048.. kernel, then initramfs

readonly GUEST_CONTROL_SECTOR=1024 # must agree with guest/init.c
readonly GUEST_KERNEL_SECTOR=2048
readonly GUEST_APT_LIMIT_S=180
readonly GUEST_MAX_BUSY=100
readonly GUEST_MAX_DIRTY=1024
readonly GUEST_MAX_MEM=65536
# Each after what it needs.
readonly GUEST_MODULES=(
    drivers/virtio/virtio_ring drivers/virtio/virtio drivers/virtio/virtio_pci_modern_dev
    drivers/virtio/virtio_pci_legacy_dev drivers/virtio/virtio_pci drivers/block/virtio_blk
    drivers/virtio/virtio_balloon drivers/input/evdev drivers/acpi/button
)
# Loaded when they are needed: by a guest that has an agent, and by one that is ordered to panic.
# Only then: emulated and not virtualized, a guest that is migrated while it works now and then finds
# its memory damaged.  That is the emulator's fault; such a guest boots again (panic=1), and its host
# shall not take it for a failure that was asked for.
readonly GUEST_LATE_MODULES=(
    drivers/char/virtio_console drivers/misc/pvpanic/pvpanic drivers/misc/pvpanic/pvpanic-mmio
)
# Parts of the kernel that no guest here uses, but that cost TCG 0.2 s at start.
readonly GUEST_UNUSED=init_kprobe_trace,cubictcp_register,load_system_certificate_list,\
crypto_kdf108_init,init_encrypted,fscrypt_init,init_trace_printk_function_export,slab_sysfs_init
# The PM timer as clock: on a busy machine the TSC's speed is measured wrong, by a factor even.
readonly GUEST_CMDLINE="console=ttyS0 quiet loglevel=3 panic=1 nokaslr nopti lsm=none audit=0
    cryptomgr.notests random.trust_cpu=on rodata=off nowatchdog no_timer_check
    iomem=relaxed tsc=unstable clocksource=acpi_pm 8250.nr_uarts=1 i8042.nopnp i8042.noaux
    initcall_blacklist=$GUEST_UNUSED"

# command | Debian package
readonly GUEST_PROGRAMS='
gcc       gcc
cpio      cpio
objcopy   binutils
dpkg-deb  dpkg
busybox   busybox-static
'

# --- base image -------------------------------------------------------------------------------

guest_check_programs()
{
    local program package missing=()
    while read -r program package; do
        [[ -z $program ]] || command -v "$program" >/dev/null || missing+=("$package")
    done <<<"$GUEST_PROGRAMS"
    ((${#missing[@]} == 0)) ||
        lab_die "missing packages for guests: ${missing[*]}: run deploy/install-deps run"
}

guest_kernel_package()
{
    apt-cache depends linux-image-cloud-amd64 2>/dev/null |
        awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }'
}

# Debian's kernel, unpacked and not installed: the machine's own boot set-up is left alone.
guest_fetch_kernel() # FOLDER
{
    local package modules=("${GUEST_MODULES[@]}" "${GUEST_LATE_MODULES[@]}")
    modules=("${modules[@]/#/./lib/modules/*/kernel/}")
    modules=("${modules[@]/%/.ko}")
    package=$(guest_kernel_package)
    if [[ -z $package ]]; then
        timeout "$GUEST_APT_LIMIT_S" apt-get -q update
        package=$(guest_kernel_package)
    fi
    [[ -n $package ]] || {
        echo "apt knows no linux-image-cloud-amd64: are Debian's package sources set up?"
        return 1
    }
    (cd "$1" && timeout "$GUEST_APT_LIMIT_S" \
        apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$package")
    dpkg-deb --fsys-tarfile "$1/$package"_*.deb |
        tar -x -C "$1" --wildcards './boot/vmlinuz-*' "${modules[@]}"
    rm "$1/$package"_*.deb
}

guest_build_initramfs() # FOLDER
{
    local root=$1/root module
    mkdir -p "$root"/{bin,dev,modules}
    gcc -std=gnu17 -O2 -Wall -Wextra -static -s -o "$root/init" "$LAB_TOP/deploy/guest/init.c"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for module in "${GUEST_MODULES[@]}" "${GUEST_LATE_MODULES[@]}"; do
        # Without its signature, which nobody checks here, and without debug information.
        strip -g -o "$root/modules/${module##*/}.ko" "$1"/lib/modules/*/kernel/"$module.ko"
    done
    for module in "${GUEST_MODULES[@]}"; do
        echo "/modules/${module##*/}.ko" >>"$root/modules.list"
    done
    (cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$1/initrd.img"
}

# guest_build_boot FOLDER INITRD_SECTOR INITRD_BYTES
guest_build_boot()
{
    local cmdline
    cmdline=$(tr -s ' \n' ' ' <<<"$GUEST_CMDLINE")
    gcc -m32 -march=i686 -std=gnu17 -Os -Wall -Wextra -ffreestanding -nostdlib -fno-pic -no-pie \
        -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
        -mno-sse -mno-mmx -DKERNEL_SECTOR="$GUEST_KERNEL_SECTOR" -DINITRD_SECTOR="$2" \
        -DINITRD_BYTES="$3" -DCMDLINE="\"${cmdline% }\"" -Wl,-m,elf_i386 -Wl,--build-id=none \
        -Wl,--no-warn-rwx-segments -Wl,-T,"$LAB_TOP/deploy/guest/boot.lds" \
        -o "$1/boot.elf" "$LAB_TOP"/deploy/guest/boot.{S,c}
    objcopy -O binary "$1/boot.elf" "$1/boot.bin"
}

guest_write_at() # IMAGE SECTOR FILE
{
    dd if="$3" of="$1" bs=64K seek=$(($2 * 512)) oflag=seek_bytes conv=notrunc status=none
}

guest_build_disk() # FOLDER IMAGE
{
    local kernel kernel_sectors initrd_bytes initrd_sector
    kernel=$(echo "$1"/boot/vmlinuz-*)
    kernel_sectors=$((($(stat -c %s "$kernel") + 511) / 512))
    initrd_bytes=$(stat -c %s "$1/initrd.img")
    # On a boundary of 4 KiB: what is read without a cache should be aligned.
    initrd_sector=$(((GUEST_KERNEL_SECTOR + kernel_sectors + 7) / 8 * 8))
    guest_build_boot "$1" "$initrd_sector" "$initrd_bytes"
    guest_write_at "$2" 0 "$1/boot.bin"
    guest_write_at "$2" "$GUEST_KERNEL_SECTOR" "$kernel"
    guest_write_at "$2" "$initrd_sector" "$1/initrd.img"
    truncate -s %1M "$2"
}

# guest_build FOLDER - makes FOLDER/base.img; a half-made one is never taken for a whole one.
guest_build()
{
    rm -rf "$1"
    mkdir -p "$1"
    guest_fetch_kernel "$1"
    guest_build_initramfs "$1"
    guest_build_disk "$1" "$1/new.img"
    mv "$1/new.img" "$1/base.img"
    (cd "$1" && rm -r boot lib root initrd.img boot.elf boot.bin)
}

guest_lock()
{
    exec 8>"$LAB_DIR/guest.lock"
    flock -w "$LAB_LOCK_LIMIT_S" 8 ||
        lab_die "another command has held $LAB_DIR/guest.lock for $LAB_LOCK_LIMIT_S s"
}

# guest_base - makes the base image unless there is one; several callers wait for the first.
guest_base()
{
    local folder=$LAB_DIR/guest
    [[ ! -e $folder/base.img ]] || return 0
    guest_check_programs
    guest_lock
    [[ -e $folder/base.img ]] ||
        lab_step "build the guests' boot disk" guest_build "$folder"
    exec 8>&-
}

# --- disks of guests --------------------------------------------------------------------------

guest_path() # NAME - prints the path of its disk
{
    [[ $1 =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$ ]] ||
        lab_usage "NAME '$1': use 1 to 63 letters, digits, '.', '-', '_', first a letter or digit"
    printf '%s' "$LAB_STORE/$1.img"
}

guest_check_number() # WHAT VALUE MOST
{
    if [[ ! $2 =~ ^(0|[1-9][0-9]{0,5})$ ]] || (($2 > $3)); then
        lab_usage "$1 '$2': must be a number from 0 to $3"
    fi
}

# The sector as it is: "" on a new disk.
guest_control() # PATH
{
    dd if="$1" bs=512 skip="$GUEST_CONTROL_SECTOR" count=1 status=none | tr -d '\0' | head -n 1
}

# guest_set_load NAME PATH BUSY DIRTY MEM [AGENT] - one write of one sector: the guest sees old or
# new.  Without AGENT it has an agent if it had one.
guest_set_load()
{
    local now agent order
    guest_check_number PERCENT "$3" "$GUEST_MAX_BUSY"
    guest_check_number DIRTY_MIB_PER_S "$4" "$GUEST_MAX_DIRTY"
    guest_check_number MEM_MIB "$5" "$GUEST_MAX_MEM"
    now=$(guest_control "$2")
    agent=${6-}
    [[ -n $agent || ! $now =~ \ agent=([01]) ]] || agent=${BASH_REMATCH[1]}
    guest_check_number 'agent' "${agent:=0}" 1
    order=none:0
    [[ ! $now =~ \ order=([a-z]+:[0-9]+) ]] || order=${BASH_REMATCH[1]}
    guest_write_control "$2" "$(printf 'vrm-lab-guest 1 name=%s busy=%d dirty=%d mem=%d agent=%d order=%s' \
        "$1" "$3" "$4" "$5" "$agent" "$order")"
}

guest_write_control() # PATH TEXT
{
    printf '%s\n' "$2" |
        dd of="$1" bs=512 seek="$GUEST_CONTROL_SECTOR" conv=notrunc,sync,fdatasync status=none
}

# A guest that starts later does not obey it again: the number is then the one that it starts with.
guest_order() # PATH ORDER
{
    local now
    now=$(guest_control "$1")
    [[ $now =~ ^(vrm-lab-guest\ .*\ order=)[a-z]+:([0-9]+)$ ]] ||
        lab_die "no control sector in $1: make the disk with deploy/lab guest"
    guest_write_control "$1" "${BASH_REMATCH[1]}$2:$((BASH_REMATCH[2] + 1))"
}

guest_make_disk() # PATH
{
    [[ ! -e $1 ]] || return 0
    cp --sparse=always --reflink=auto "$LAB_DIR/guest/base.img" "$1.new"
    mv -n "$1.new" "$1"
}
