# vrm.m4 - warnings, hardening, sanitizers and fuzzing as configure options.
# (No loop variable here may be called f: m4 would rewrite "rm -f".)

# VRM_TRY_CFLAG(VARIABLE, FLAG): append FLAG to VARIABLE if the compiler takes it.
AC_DEFUN([VRM_TRY_CFLAG], [
  vrm_saved_cflags=$CFLAGS
  CFLAGS="$vrm_saved_cflags -Werror $2"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [$1="$$1 $2"])
  CFLAGS=$vrm_saved_cflags
])

AC_DEFUN([VRM_COMPILER_WARNINGS], [
  AC_MSG_CHECKING([which warnings the compiler knows])
  WARN_CFLAGS=
  for vrm_flag in -Wall -Wextra -Wshadow -Wvla -Wundef -Wpointer-arith -Wcast-qual \
      -Wwrite-strings -Wstrict-prototypes -Wold-style-definition -Wmissing-prototypes \
      -Wmissing-declarations -Wredundant-decls -Wformat=2 -Wformat-signedness \
      -Wimplicit-fallthrough -Wswitch-enum -Wnull-dereference -Wduplicated-cond \
      -Wduplicated-branches -Wlogical-op -Wdouble-promotion -Walloca -Wjump-misses-init \
      -Wmissing-variable-declarations -Wthread-safety -Wcomma -Wconditional-uninitialized; do
    VRM_TRY_CFLAG([WARN_CFLAGS], [$vrm_flag])
  done
  AC_MSG_RESULT([done])
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [make warnings errors])])
  AS_IF([test "x$enable_werror" = xyes], [WARN_CFLAGS="$WARN_CFLAGS -Werror"])
  AC_SUBST([WARN_CFLAGS])
])

# Off in sanitizer builds: the zero-initialisation would hide bugs.
AC_DEFUN([VRM_HARDENING], [
  AC_ARG_ENABLE([sanitize], [AS_HELP_STRING([--enable-sanitize=LIST],
    [address,undefined or thread])], [], [enable_sanitize=no])
  HARDEN_CFLAGS=
  HARDEN_LDFLAGS=
  AS_IF([test "x$enable_sanitize" = xno], [
    for vrm_flag in -fstack-protector-strong -fstack-clash-protection -fcf-protection=full \
        -fno-strict-overflow -fno-delete-null-pointer-checks -ftrivial-auto-var-init=zero -fPIE; do
      VRM_TRY_CFLAG([HARDEN_CFLAGS], [$vrm_flag])
    done
    AS_CASE([" $CFLAGS "], [*' -O0 '*], [],
      [HARDEN_CFLAGS="$HARDEN_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"])
    HARDEN_LDFLAGS="-pie -Wl,-z,relro,-z,now,-z,noexecstack"
  ])
  AC_SUBST([HARDEN_CFLAGS])
  AC_SUBST([HARDEN_LDFLAGS])
])

AC_DEFUN([VRM_SANITIZE], [
  SANITIZE_FLAGS=
  AS_CASE([$enable_sanitize],
    [no], [],
    [address,undefined|thread|address|undefined],
      [SANITIZE_FLAGS="-fsanitize=$enable_sanitize -fno-sanitize-recover=all -fno-omit-frame-pointer"],
    [AC_MSG_ERROR([--enable-sanitize=$enable_sanitize: want address,undefined or thread])])
  AC_SUBST([SANITIZE_FLAGS])
])

AC_DEFUN([VRM_FUZZ], [
  AC_ARG_ENABLE([fuzz], [AS_HELP_STRING([--enable-fuzz], [build libFuzzer targets (clang)])])
  AS_IF([test "x$enable_fuzz" = xyes], [
    vrm_knows=
    VRM_TRY_CFLAG([vrm_knows], [-fsanitize=fuzzer-no-link])
    AS_IF([test -z "$vrm_knows"], [AC_MSG_ERROR([--enable-fuzz: this compiler has no libFuzzer; use CC=clang])])
    SANITIZE_FLAGS="$SANITIZE_FLAGS -fsanitize=fuzzer-no-link"
  ])
  AM_CONDITIONAL([FUZZ], [test "x$enable_fuzz" = xyes])
])

AC_DEFUN([VRM_COVERAGE], [
  AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage], [count what make check reaches])])
  AS_IF([test "x$enable_coverage" = xyes], [SANITIZE_FLAGS="$SANITIZE_FLAGS --coverage -O0"])
])

# VRM_JOBS - a plain `make` uses all processors, at most 8: nobody should wait for one of several.
#
# Only where the command line says nothing about jobs: `make -j1` stays one job, and below a make
# that hands out job tokens nothing is added.  GNU make, as Debian has it.
AC_DEFUN([VRM_JOBS], [
  vrm_jobs=`getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1`
  AS_IF([test "$vrm_jobs" -gt 8], [vrm_jobs=8])
  AM_MAKEFLAGS='$(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j'"$vrm_jobs)"
  AC_SUBST([AM_MAKEFLAGS])
])
