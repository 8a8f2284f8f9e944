// Checks that end the program with the line that is wrong.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(what)                                                                       \
    (fprintf(stderr, "%s:%d: %s: errno %d, %s\n", __FILE__, __LINE__, what, errno,       \
             strerror(errno)),                                                           \
     exit(1))

// What must be true.
#define CHECK(condition) ((condition) ? (void)0 : (void)FAIL(#condition))

// A call that must fail with `error`.
#define FAILS(call, error)                                                               \
    ((errno = 0, (call) == -1 && errno == (error)) ? (void)0 : (void)FAIL(#call " with " #error))
