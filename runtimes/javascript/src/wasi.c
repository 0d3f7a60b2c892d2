/* The functions of WASI that the C library imports, answered here: no import of WASI remains. */
#include <stdint.h>

#include "runtime.h"

enum { SUCCESS = 0, BAD_DESCRIPTOR = 8 };

#define WASI(name) __imported_wasi_snapshot_preview1_##name

/* Every clock stands at the time of the run. */
int32_t WASI(clock_time_get)(int32_t clock, int64_t precision, int32_t time)
{
    if (script_runs)
        start_clock();
    *(int64_t *)(intptr_t)time = clock_nanoseconds;
    return SUCCESS;
}

int32_t WASI(fd_close)(int32_t descriptor)
{
    return BAD_DESCRIPTOR;
}

int32_t WASI(fd_fdstat_get)(int32_t descriptor, int32_t status)
{
    return BAD_DESCRIPTOR;
}

int32_t WASI(fd_seek)(int32_t descriptor, int64_t offset, int32_t whence, int32_t position)
{
    return BAD_DESCRIPTOR;
}

int32_t WASI(fd_read)(int32_t descriptor, int32_t vectors, int32_t count, int32_t size)
{
    return BAD_DESCRIPTOR;
}

int32_t WASI(fd_write)(int32_t descriptor, int32_t vectors, int32_t count, int32_t size)
{
    return BAD_DESCRIPTOR;
}

_Noreturn void WASI(proc_exit)(int32_t status)
{
    __builtin_trap();
}

/* The C library's own is another import, under a name that cannot be answered. Nothing is open. */
int close(int descriptor)
{
    return -1;
}
