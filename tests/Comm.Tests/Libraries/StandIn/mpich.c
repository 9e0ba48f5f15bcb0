/* Stands in for an MPI whose handles are integers, as MPICH's are. */
#include <stdio.h>

int MPI_Get_library_version(char *text, int *length) {
    *length = sprintf(text, "MPICH Version:      4.0.2\nMPICH Release date: Thu Apr  7 12:34:45 CDT 2022\n");
    return 0;
}
