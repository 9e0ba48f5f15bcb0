using System.Runtime.InteropServices;

namespace Lean.Kernels;

/// <summary>
/// The part of the OpenCL 1.2 API that Lean uses, bound when it is first called: a machine without OpenCL runs the same
/// binary. Handles are raw here; <see cref="DriverHandle"/> owns them.
/// </summary>
/// <remarks><see cref="WhyUnavailable"/> is read before anything is called: that also sets up where the library is found.</remarks>
internal static unsafe partial class CL
{
    public const int Success = 0;
    public const int DeviceNotFound = -1;
    public const int OutOfMemory = -4;
    public const int OutOfResources = -5;
    public const int OutOfHostMemory = -6;
    public const int InvalidBufferSize = -61;
    public const int NoPlatform = -1001;

    public const ulong AllDevices = 0xFFFFFFFF;
    public const uint PlatformVersion = 0x0901, PlatformName = 0x0902;
    public const uint DeviceMaxGroupSize = 0x1004, DeviceMaxAllocation = 0x1010, DeviceGlobalMemory = 0x101F, DeviceLocalMemory = 0x1023;
    public const uint DeviceCompilerAvailable = 0x1028, DeviceName = 0x102B, DeviceVendor = 0x102C, DriverVersion = 0x102D, DeviceVersion = 0x102F;
    public const uint ProgramBinarySizes = 0x1165, ProgramBinaries = 0x1166, ProgramBuildLog = 0x1183;
    public const uint EventStatus = 0x11D3, ProfilingStart = 0x1282, ProfilingEnd = 0x1283;
    public const ulong ReadWrite = 1, UseHostPointer = 8, MapReadWrite = 3, ProfilingEnable = 2;

    private const string Library = DriverLibraries.OpenCL;

    /// <summary>Why there is no OpenCL, or null.</summary>
    public static string? WhyUnavailable { get; } = DriverLibraries.TryLoad(Library)
        ? null
        : $"no OpenCL: the loader {DriverLibraries.Files(Library)[0]} is not installed (Debian: ocl-icd-libopencl1, and a driver for your device)";

    [LibraryImport(Library, EntryPoint = "clGetPlatformIDs")]
    public static partial int GetPlatformIDs(uint capacity, nint* platforms, out uint count);

    [LibraryImport(Library, EntryPoint = "clGetPlatformInfo")]
    public static partial int GetPlatformInfo(nint platform, uint what, nuint size, void* value, out nuint written);

    [LibraryImport(Library, EntryPoint = "clGetDeviceIDs")]
    public static partial int GetDeviceIDs(nint platform, ulong type, uint capacity, nint* devices, out uint count);

    [LibraryImport(Library, EntryPoint = "clGetDeviceInfo")]
    public static partial int GetDeviceInfo(nint device, uint what, nuint size, void* value, out nuint written);

    [LibraryImport(Library, EntryPoint = "clCreateContext")]
    public static partial nint CreateContext(nint* properties, uint count, nint* devices, nint notify, nint data, out int error);

    [LibraryImport(Library, EntryPoint = "clReleaseContext")]
    public static partial int ReleaseContext(nint context);

    [LibraryImport(Library, EntryPoint = "clCreateCommandQueue")]
    public static partial nint CreateCommandQueue(nint context, nint device, ulong properties, out int error);

    [LibraryImport(Library, EntryPoint = "clReleaseCommandQueue")]
    public static partial int ReleaseCommandQueue(nint queue);

    [LibraryImport(Library, EntryPoint = "clFlush")]
    public static partial int Flush(nint queue);

    [LibraryImport(Library, EntryPoint = "clFinish")]
    public static partial int Finish(nint queue);

    [LibraryImport(Library, EntryPoint = "clCreateBuffer")]
    public static partial nint CreateBuffer(nint context, ulong flags, nuint size, void* host, out int error);

    [LibraryImport(Library, EntryPoint = "clReleaseMemObject")]
    public static partial int ReleaseMemObject(nint memory);

    [LibraryImport(Library, EntryPoint = "clEnqueueWriteBuffer")]
    public static partial int EnqueueWriteBuffer(nint queue, nint memory, uint blocking, nuint offset, nuint size, void* host, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueReadBuffer")]
    public static partial int EnqueueReadBuffer(nint queue, nint memory, uint blocking, nuint offset, nuint size, void* host, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueCopyBuffer")]
    public static partial int EnqueueCopyBuffer(
        nint queue, nint source, nint target, nuint sourceOffset, nuint targetOffset, nuint size, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueWriteBufferRect")]
    public static partial int EnqueueWriteBufferRect(
        nint queue, nint memory, uint blocking, nuint* memoryOrigin, nuint* hostOrigin, nuint* region, nuint memoryRow, nuint memorySlice,
        nuint hostRow, nuint hostSlice, void* host, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueReadBufferRect")]
    public static partial int EnqueueReadBufferRect(
        nint queue, nint memory, uint blocking, nuint* memoryOrigin, nuint* hostOrigin, nuint* region, nuint memoryRow, nuint memorySlice,
        nuint hostRow, nuint hostSlice, void* host, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueFillBuffer")]
    public static partial int EnqueueFillBuffer(nint queue, nint memory, void* pattern, nuint patternSize, nuint offset, nuint size, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueMapBuffer")]
    public static partial void* EnqueueMapBuffer(nint queue, nint memory, uint blocking, ulong flags, nuint offset, nuint size, uint waits, nint* waitList, nint* done, out int error);

    [LibraryImport(Library, EntryPoint = "clEnqueueUnmapMemObject")]
    public static partial int EnqueueUnmapMemObject(nint queue, nint memory, void* mapped, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueMarkerWithWaitList")]
    public static partial int EnqueueMarker(nint queue, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clEnqueueBarrierWithWaitList")]
    public static partial int EnqueueBarrier(nint queue, uint waits, nint* waitList, nint* done);

    [LibraryImport(Library, EntryPoint = "clWaitForEvents")]
    public static partial int WaitForEvents(uint count, nint* events);

    [LibraryImport(Library, EntryPoint = "clGetEventInfo")]
    public static partial int GetEventInfo(nint handle, uint what, nuint size, void* value, out nuint written);

    [LibraryImport(Library, EntryPoint = "clGetEventProfilingInfo")]
    public static partial int GetEventProfilingInfo(nint handle, uint what, nuint size, void* value, out nuint written);

    [LibraryImport(Library, EntryPoint = "clReleaseEvent")]
    public static partial int ReleaseEvent(nint handle);

    [LibraryImport(Library, EntryPoint = "clCreateProgramWithSource")]
    public static partial nint CreateProgramWithSource(nint context, uint count, byte** strings, nuint* lengths, out int error);

    [LibraryImport(Library, EntryPoint = "clCreateProgramWithBinary")]
    public static partial nint CreateProgramWithBinary(nint context, uint count, nint* devices, nuint* lengths, byte** binaries, int* status, out int error);

    [LibraryImport(Library, EntryPoint = "clBuildProgram", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int BuildProgram(nint program, uint count, nint* devices, string options, nint notify, nint data);

    [LibraryImport(Library, EntryPoint = "clGetProgramInfo")]
    public static partial int GetProgramInfo(nint program, uint what, nuint size, void* value, out nuint written);

    [LibraryImport(Library, EntryPoint = "clGetProgramBuildInfo")]
    public static partial int GetProgramBuildInfo(nint program, nint device, uint what, nuint size, void* value, out nuint written);

    [LibraryImport(Library, EntryPoint = "clReleaseProgram")]
    public static partial int ReleaseProgram(nint program);

    [LibraryImport(Library, EntryPoint = "clCreateKernel", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint CreateKernel(nint program, string name, out int error);

    [LibraryImport(Library, EntryPoint = "clReleaseKernel")]
    public static partial int ReleaseKernel(nint kernel);

    [LibraryImport(Library, EntryPoint = "clSetKernelArg")]
    public static partial int SetKernelArg(nint kernel, uint index, nuint size, void* value);

    [LibraryImport(Library, EntryPoint = "clEnqueueNDRangeKernel")]
    public static partial int EnqueueNDRangeKernel(
        nint queue, nint kernel, uint dimensions, nuint* offset, nuint* global, nuint* local, uint waits, nint* waitList, nint* done);
}
