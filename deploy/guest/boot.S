/* boot.S - first bytes of a lab guest's disk: from the BIOS to boot_main() in boot.c.
 *
 * The BIOS loads sector 0 to 0x7c00; it loads the rest of this program behind it, asks for the
 * memory map, enters 32-bit mode without paging and calls C.  Linked to 0x7c00, one flat file. */

#define DATA_SEGMENT 0x18
#define CODE_SEGMENT 0x10
#define E820_MAGIC 0x534d4150 /* "SMAP" */
#define E820_ENTRY_BYTES 20
#define E820_MAX 32

        .code16
        .section .text.start, "ax"
        .globl _start
_start:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        ljmp    $0, $read_rest

read_rest:
        movw    $packet, %si
        movb    $0x42, %ah              /* extended read; %dl is the BIOS's number of our disk */
        int     $0x13
        jc      failed

        xorl    %ebx, %ebx
        movw    $boot_e820, %di
next_range:
        movl    $0xe820, %eax
        movl    $E820_MAGIC, %edx
        movl    $E820_ENTRY_BYTES, %ecx
        int     $0x15
        jc      map_done                /* some end the list this way */
        cmpl    $E820_MAGIC, %eax
        jne     failed
        incl    boot_e820_count
        addw    $E820_ENTRY_BYTES, %di
        cmpl    $E820_MAX, boot_e820_count
        jae     map_done
        testl   %ebx, %ebx
        jnz     next_range
map_done:
        movw    $0x2401, %ax            /* A20 on; QEMU's BIOS has it on already */
        int     $0x15
        cli
        lgdt    gdt_pointer
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   $CODE_SEGMENT, $enter_32

failed: hlt
        jmp     failed

        .code32
enter_32:
        movw    $DATA_SEGMENT, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    $0x7c00, %esp
        call    boot_main
stop:   hlt
        jmp     stop

        .p2align 2
packet: .byte   16, 0
        .word   boot_rest_sectors       /* from boot.lds */
        .word   0x7e00, 0
        .quad   1

        .p2align 3
gdt:    .quad   0
        .quad   0
        .quad   0x00cf9b000000ffff      /* 0x10: flat code, as Linux wants it */
        .quad   0x00cf93000000ffff      /* 0x18: flat data */
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        .globl  boot_e820_count
        .org    0x1b0                   /* behind it would be the partition table */
boot_e820_count:
        .long   0
        .org    0x1fe
        .word   0xaa55

        .text
        .globl  boot_linux
/* boot_linux(entry, params): the 32-bit boot protocol wants %esi and zeros. */
boot_linux:
        movl    4(%esp), %eax
        movl    8(%esp), %esi
        xorl    %ebx, %ebx
        xorl    %ebp, %ebp
        xorl    %edi, %edi
        jmp     *%eax

        .section .note.GNU-stack, "", @progbits
