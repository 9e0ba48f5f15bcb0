/* Which library a stand-in is: NCCL or, compiled with -DONECCL, oneCCL. */
#include <stddef.h>

#ifdef ONECCL
#define NAME(n) oneccl##n
#define ID_BYTES 4096
typedef size_t count_t;
#else
#define NAME(n) nccl##n
#define ID_BYTES 128
typedef int count_t;
#endif

typedef struct { char bytes[ID_BYTES]; } id_t_;
