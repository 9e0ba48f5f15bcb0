using System.Runtime.InteropServices;

namespace Lean.Kernels;

// Level Zero's structures, each headed by its type and a link to an extension. Fields that Lean has no use for keep their
// names in short: sizes and offsets must be the specification's, which a test checks.
#pragma warning disable CS0649 // The driver writes some of these fields.

/// <summary>What heads a structure: its number in the specification and the next one.</summary>
/// <param name="type">Its number.</param>
/// <param name="next">An extension, or 0.</param>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEHeader(ZEHeader.Number type, nint next = 0)
{
    /// <summary>The structures' numbers.</summary>
    public enum Number : uint
    {
        /// <summary>None.</summary>
        None = 0,
        DriverProperties = 0x1,
        DeviceProperties = 0x3,
        ComputeProperties = 0x4,
        ModuleProperties = 0x5,
        QueueGroup = 0x6,
        MemoryProperties = 0x7,
        Context = 0xd,
        Queue = 0xe,
        EventPool = 0x10,
        Event = 0x11,
        DeviceMemory = 0x15,
        HostMemory = 0x16,
        Module = 0x1b,
        Kernel = 0x1d,
        RelaxedLimits = 0x20001,
        UsableMemory = 0x20041,
    }

    public Number Type = type;
    public nint Next = next;
}

/// <summary>ze_driver_properties_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ZEDriverProperties
{
    public ZEHeader Header;
    public fixed byte Uuid[16];
    public uint Version;
}

/// <summary>ze_device_properties_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ZEDeviceProperties
{
    public const int NameBytes = 256;

    public ZEHeader Header;
    public uint Type;
    public uint Vendor;
    public uint Device;
    public uint Flags;
    public uint SubDevice;
    public uint ClockRate;
    public ulong LargestAllocation;
    public uint Contexts;
    public uint Priorities;
    public fixed uint Units[5];

    /// <summary>Nanoseconds of a timestamp's tick.</summary>
    public ulong TimerResolution;

    public uint TimestampBits;
    public uint KernelTimestampBits;
    public fixed byte Uuid[16];
    public fixed byte Name[NameBytes];
}

/// <summary>ze_device_usablemem_size_ext_properties_t: an extension of the device's properties.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEUsableMemory
{
    public ZEHeader Header;
    public ulong Bytes;
}

/// <summary>ze_device_compute_properties_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ZEComputeProperties
{
    public ZEHeader Header;
    public uint MostThreads;
    public fixed uint MostThreadsAlong[3];
    public fixed uint MostGroupsAlong[3];
    public uint SharedBytes;
    public uint SubGroupSizeCount;
    public fixed uint SubGroupSizes[8];
}

/// <summary>ze_device_module_properties_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ZEModuleProperties
{
    public ZEHeader Header;
    public uint SpirvVersion;
    public uint Flags;
    public fixed uint FloatFlags[3];
    public uint ArgumentBytes;
    public uint PrintBytes;
    public fixed byte NativeKernelUuid[16];
}

/// <summary>ze_device_memory_properties_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ZEMemoryProperties
{
    public ZEHeader Header;
    public uint Flags;
    public uint ClockRate;
    public uint BusWidth;
    public ulong Bytes;
    public fixed byte Name[ZEDeviceProperties.NameBytes];
}

/// <summary>ze_command_queue_group_properties_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEQueueGroup
{
    public ZEHeader Header;
    public uint Flags;
    public nuint LongestFillPattern;
    public uint Queues;
}

/// <summary>ze_context_desc_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEContextDescription
{
    public ZEHeader Header;
    public uint Flags;
}

/// <summary>ze_command_queue_desc_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEQueueDescription
{
    public const uint InOrder = 2, Asynchronous = 2;

    public ZEHeader Header;
    public uint Ordinal;
    public uint Index;
    public uint Flags;
    public uint Mode;
    public uint Priority;
}

/// <summary>ze_device_mem_alloc_desc_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEDeviceMemoryDescription
{
    public ZEHeader Header;
    public uint Flags;
    public uint Ordinal;
}

/// <summary>ze_host_mem_alloc_desc_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEHostMemoryDescription
{
    public ZEHeader Header;
    public uint Flags;
}

/// <summary>ze_relaxed_allocation_limits_exp_desc_t: an extension of the allocation's description.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZERelaxedLimits
{
    public const uint AnySize = 1;

    public ZEHeader Header;
    public uint Flags;
}

/// <summary>ze_event_pool_desc_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEEventPoolDescription
{
    public const uint HostVisible = 1, KernelTimestamps = 4;

    public ZEHeader Header;
    public uint Flags;
    public uint Count;
}

/// <summary>ze_event_desc_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEEventDescription
{
    public const uint HostScope = 4;

    public ZEHeader Header;
    public uint Index;
    public uint Signal;
    public uint Wait;
}

/// <summary>ze_module_desc_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ZEModuleDescription
{
    public const uint Spirv = 0, Native = 1;

    public ZEHeader Header;
    public uint Format;
    public nuint InputSize;
    public byte* Input;
    public byte* BuildFlags;
    public void* Constants;
}

/// <summary>ze_kernel_desc_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ZEKernelDescription
{
    public ZEHeader Header;
    public uint Flags;
    public byte* Name;
}

/// <summary>ze_group_count_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZEGroupCount
{
    public uint X;
    public uint Y;
    public uint Z;
}

/// <summary>ze_copy_region_t: bytes, rows and slices; a depth of 0 is a plane.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZECopyRegion
{
    public uint OriginX;
    public uint OriginY;
    public uint OriginZ;
    public uint Width;
    public uint Height;
    public uint Depth;
}

/// <summary>ze_kernel_timestamp_result_t.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ZETimestamps
{
    public ulong Start;
    public ulong End;
    public ulong ContextStart;
    public ulong ContextEnd;
}
