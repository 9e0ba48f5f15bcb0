using System.Runtime.InteropServices;

namespace Lean.Kernels;

/// <summary>
/// The part of the Level Zero 1.7 API that Lean uses, bound when it is first called: a machine without Level Zero runs
/// the same binary. Handles are raw here; <see cref="DriverHandle"/> owns them.
/// </summary>
/// <remarks><see cref="WhyUnavailable"/> is read before anything is called: that also sets up where the library is found.</remarks>
internal static unsafe partial class ZE
{
    public const int Success = 0;
    public const int NotReady = 1;
    public const int DeviceLost = 0x70000001;
    public const int OutOfHostMemory = 0x70000002;
    public const int OutOfDeviceMemory = 0x70000003;
    public const int Uninitialized = 0x78000001;
    public const int UnsupportedSize = 0x78000009;

    /// <summary>Versions are (major, minor) in the halves of 32 bits.</summary>
    public const uint LeastApi = (1 << 16) | 7, LeastSpirv = (1 << 16) | 2;

    public const ulong Forever = ulong.MaxValue;

    /// <summary>The bit of <see cref="ZEQueueGroup.Flags"/> that says kernels can be queued there.</summary>
    public const uint ComputeGroup = 1;

    private const string Library = DriverLibraries.LevelZero;

    /// <summary>Why there is no Level Zero, or null.</summary>
    public static string? WhyUnavailable { get; } =
        !DriverLibraries.TryLoad(Library) ? $"no Level Zero: the loader {DriverLibraries.Files(Library)[0]} is not installed (Debian: libze1, and Intel's driver for your GPU)"
        : !DriverLibraries.Has(Library, "zeCommandListHostSynchronize") ? $"no Level Zero: the loader {DriverLibraries.Files(Library)[0]} is older than 1.6"
        : null;

    [LibraryImport(Library, EntryPoint = "zeInit")]
    public static partial int Init(uint flags);

    [LibraryImport(Library, EntryPoint = "zeDriverGet")]
    public static partial int DriverGet(ref uint count, nint* drivers);

    [LibraryImport(Library, EntryPoint = "zeDriverGetApiVersion")]
    public static partial int DriverGetApiVersion(nint driver, uint* version);

    [LibraryImport(Library, EntryPoint = "zeDriverGetProperties")]
    public static partial int DriverGetProperties(nint driver, ZEDriverProperties* properties);

    [LibraryImport(Library, EntryPoint = "zeDeviceGet")]
    public static partial int DeviceGet(nint driver, ref uint count, nint* devices);

    [LibraryImport(Library, EntryPoint = "zeDeviceGetProperties")]
    public static partial int DeviceGetProperties(nint device, ZEDeviceProperties* properties);

    [LibraryImport(Library, EntryPoint = "zeDeviceGetComputeProperties")]
    public static partial int DeviceGetComputeProperties(nint device, ZEComputeProperties* properties);

    [LibraryImport(Library, EntryPoint = "zeDeviceGetModuleProperties")]
    public static partial int DeviceGetModuleProperties(nint device, ZEModuleProperties* properties);

    [LibraryImport(Library, EntryPoint = "zeDeviceGetMemoryProperties")]
    public static partial int DeviceGetMemoryProperties(nint device, ref uint count, ZEMemoryProperties* properties);

    [LibraryImport(Library, EntryPoint = "zeDeviceGetCommandQueueGroupProperties")]
    public static partial int DeviceGetCommandQueueGroupProperties(nint device, ref uint count, ZEQueueGroup* properties);

    [LibraryImport(Library, EntryPoint = "zeContextCreate")]
    public static partial int ContextCreate(nint driver, ZEContextDescription* description, nint* context);

    [LibraryImport(Library, EntryPoint = "zeContextDestroy")]
    public static partial int ContextDestroy(nint context);

    [LibraryImport(Library, EntryPoint = "zeMemAllocDevice")]
    public static partial int MemAllocDevice(nint context, ZEDeviceMemoryDescription* description, nuint size, nuint alignment, nint device, nint* memory);

    [LibraryImport(Library, EntryPoint = "zeMemAllocHost")]
    public static partial int MemAllocHost(nint context, ZEHostMemoryDescription* description, nuint size, nuint alignment, nint* memory);

    [LibraryImport(Library, EntryPoint = "zeMemFree")]
    public static partial int MemFree(nint context, nint memory);

    [LibraryImport(Library, EntryPoint = "zeCommandListCreateImmediate")]
    public static partial int CommandListCreateImmediate(nint context, nint device, ZEQueueDescription* description, nint* list);

    [LibraryImport(Library, EntryPoint = "zeCommandListDestroy")]
    public static partial int CommandListDestroy(nint list);

    [LibraryImport(Library, EntryPoint = "zeCommandListHostSynchronize")]
    public static partial int CommandListHostSynchronize(nint list, ulong nanoseconds);

    [LibraryImport(Library, EntryPoint = "zeCommandListAppendMemoryCopy")]
    public static partial int AppendMemoryCopy(nint list, nint target, nint source, nuint size, nint signal, uint waits, nint* waitList);

    [LibraryImport(Library, EntryPoint = "zeCommandListAppendMemoryCopyRegion")]
    public static partial int AppendMemoryCopyRegion(
        nint list, nint target, ZECopyRegion* targetRegion, uint targetPitch, uint targetSlice, nint source, ZECopyRegion* sourceRegion,
        uint sourcePitch, uint sourceSlice, nint signal, uint waits, nint* waitList);

    [LibraryImport(Library, EntryPoint = "zeCommandListAppendMemoryFill")]
    public static partial int AppendMemoryFill(nint list, nint memory, void* pattern, nuint patternSize, nuint size, nint signal, uint waits, nint* waitList);

    [LibraryImport(Library, EntryPoint = "zeCommandListAppendSignalEvent")]
    public static partial int AppendSignalEvent(nint list, nint signal);

    [LibraryImport(Library, EntryPoint = "zeCommandListAppendWaitOnEvents")]
    public static partial int AppendWaitOnEvents(nint list, uint waits, nint* waitList);

    [LibraryImport(Library, EntryPoint = "zeCommandListAppendLaunchKernel")]
    public static partial int AppendLaunchKernel(nint list, nint kernel, ZEGroupCount* groups, nint signal, uint waits, nint* waitList);

    [LibraryImport(Library, EntryPoint = "zeEventPoolCreate")]
    public static partial int EventPoolCreate(nint context, ZEEventPoolDescription* description, uint devices, nint* deviceList, nint* pool);

    [LibraryImport(Library, EntryPoint = "zeEventPoolDestroy")]
    public static partial int EventPoolDestroy(nint pool);

    [LibraryImport(Library, EntryPoint = "zeEventCreate")]
    public static partial int EventCreate(nint pool, ZEEventDescription* description, nint* handle);

    [LibraryImport(Library, EntryPoint = "zeEventDestroy")]
    public static partial int EventDestroy(nint handle);

    [LibraryImport(Library, EntryPoint = "zeEventHostReset")]
    public static partial int EventHostReset(nint handle);

    [LibraryImport(Library, EntryPoint = "zeEventHostSynchronize")]
    public static partial int EventHostSynchronize(nint handle, ulong nanoseconds);

    [LibraryImport(Library, EntryPoint = "zeEventQueryStatus")]
    public static partial int EventQueryStatus(nint handle);

    [LibraryImport(Library, EntryPoint = "zeEventQueryKernelTimestamp")]
    public static partial int EventQueryKernelTimestamp(nint handle, ZETimestamps* timestamps);

    [LibraryImport(Library, EntryPoint = "zeModuleCreate")]
    public static partial int ModuleCreate(nint context, nint device, ZEModuleDescription* description, ref nint module, ref nint log);

    [LibraryImport(Library, EntryPoint = "zeModuleDestroy")]
    public static partial int ModuleDestroy(nint module);

    [LibraryImport(Library, EntryPoint = "zeModuleBuildLogGetString")]
    public static partial int ModuleBuildLogGetString(nint log, ref nuint size, byte* text);

    [LibraryImport(Library, EntryPoint = "zeModuleBuildLogDestroy")]
    public static partial int ModuleBuildLogDestroy(nint log);

    [LibraryImport(Library, EntryPoint = "zeModuleGetNativeBinary")]
    public static partial int ModuleGetNativeBinary(nint module, ref nuint size, byte* binary);

    [LibraryImport(Library, EntryPoint = "zeKernelCreate")]
    public static partial int KernelCreate(nint module, ZEKernelDescription* description, nint* kernel);

    [LibraryImport(Library, EntryPoint = "zeKernelDestroy")]
    public static partial int KernelDestroy(nint kernel);

    [LibraryImport(Library, EntryPoint = "zeKernelSetGroupSize")]
    public static partial int KernelSetGroupSize(nint kernel, uint x, uint y, uint z);

    [LibraryImport(Library, EntryPoint = "zeKernelSetArgumentValue")]
    public static partial int KernelSetArgumentValue(nint kernel, uint index, nuint size, void* value);
}
