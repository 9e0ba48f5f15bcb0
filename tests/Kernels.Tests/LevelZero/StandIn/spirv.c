#include "standin.h"

#include <string.h>

enum { MAGIC = 0x07230203, ENTRY_POINT = 15, EXECUTION_MODE = 16, TYPE_INT = 21, TYPE_FLOAT = 22, TYPE_VECTOR = 23, TYPE_STRUCT = 30,
       TYPE_POINTER = 32, TYPE_FUNCTION = 33, FUNCTION = 54, LOCAL_SIZE = 17, CROSS_WORKGROUP = 5, BY_VALUE = 7 };

typedef struct {
    const uint32_t *words;
    size_t count;
} code;

/* The instruction that makes an id, or NULL. */
static const uint32_t *making(code c, uint32_t id, uint32_t opcode, uint32_t at)
{
    for (size_t i = 5; i < c.count; i += c.words[i] >> 16) {
        if ((opcode == 0 || (c.words[i] & 0xffff) == opcode) && (c.words[i] >> 16) > at && c.words[i + at] == id) {
            return c.words + i;
        }
    }
    return NULL;
}

static const uint32_t *type_of(code c, uint32_t id)
{
    for (uint32_t opcode = TYPE_INT; opcode <= TYPE_FUNCTION; opcode++) {
        const uint32_t *found = making(c, id, opcode, 1);
        if (found) {
            return found;
        }
    }
    return NULL;
}

static size_t size_of(code c, uint32_t id, size_t *alignment)
{
    const uint32_t *t = type_of(c, id);
    size_t size = 0, one = 0;
    *alignment = 1;
    switch (t ? t[0] & 0xffff : 0) {
    case TYPE_INT:
    case TYPE_FLOAT:
        return *alignment = t[2] / 8;
    case TYPE_POINTER:
        return *alignment = 8;
    case TYPE_VECTOR:
        size = size_of(c, t[2], &one) * t[3];
        return *alignment = size;
    case TYPE_STRUCT:
        for (uint32_t m = 2; m < t[0] >> 16; m++) {
            size_t bytes = size_of(c, t[m], &one);
            size = (size + one - 1) / one * one + bytes;
            *alignment = one > *alignment ? one : *alignment;
        }
        return (size + *alignment - 1) / *alignment * *alignment;
    default:
        return 0;
    }
}

bool spirv_valid(const uint8_t *module, size_t size)
{
    uint32_t head[5];
    if (size < sizeof head || size % 4 != 0) {
        return false;
    }
    memcpy(head, module, sizeof head);
    if (head[0] != MAGIC || head[1] > 0x10200) {
        return false;
    }
    const uint32_t *words = (const uint32_t *)(const void *)module;
    size_t at = 5;
    while (at < size / 4 && words[at] >> 16 != 0) {
        at += words[at] >> 16;
    }
    return at == size / 4;
}

bool spirv_find(const uint8_t *module, size_t size, const char *name, signature *found)
{
    code c = {(const uint32_t *)(const void *)module, size / 4};
    memset(found, 0, sizeof *found);
    for (size_t i = 5; i < c.count; i += c.words[i] >> 16) {
        const uint32_t *entry = c.words + i;
        if ((entry[0] & 0xffff) != ENTRY_POINT || strcmp((const char *)(entry + 3), name) != 0) {
            continue;
        }
        const uint32_t *mode = making(c, entry[2], EXECUTION_MODE, 1);
        if (mode && mode[2] == LOCAL_SIZE) {
            memcpy(found->group, mode + 3, sizeof found->group);
        }
        const uint32_t *function = making(c, entry[2], FUNCTION, 2);
        const uint32_t *type = function ? making(c, function[4], TYPE_FUNCTION, 1) : NULL;
        if (!type || (type[0] >> 16) - 3 > MOST_ARGUMENTS) {
            return false;
        }
        for (uint32_t p = 3; p < type[0] >> 16; p++) {
            const uint32_t *t = type_of(c, type[p]);
            bool points = t && (t[0] & 0xffff) == TYPE_POINTER;
            size_t alignment;
            parameter *made = &found->parameters[found->count++];
            made->pointer = points && t[2] == CROSS_WORKGROUP;
            /* A structure is a pointer to the kernel's own copy of it. */
            made->size = made->pointer ? 8 : size_of(c, points && t[2] == BY_VALUE ? t[3] : type[p], &alignment);
            made->element = made->pointer ? size_of(c, t[3], &alignment) : 0;
        }
        return true;
    }
    return false;
}
