using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lean.Tensors;

[assembly: DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]

namespace Lean.Comm;

/// <summary>The shim in native/: part of the native binary, a file beside the assemblies otherwise. native/lean_comm.h says what each call does.</summary>
internal static unsafe partial class CommLibrary
{
    public const int Ok = 0, Missing = 1, Unsupported = 2, Invalid = 3;

    private const int Version = 3;
    private const int TextBytes = 256;
    private const string Library = "lean-comm";
    private const string File = "liblean-comm.so";

    /// <summary>Why it cannot be used, or null.</summary>
    public static string? WhyUnavailable { get; } = Probe();

    /// <summary>Turns a code that is not 0 into an exception with the shim's sentence.</summary>
    /// <exception cref="MachineException">The library is missing or failed.</exception>
    public static void Check(int code)
    {
        if (code != Ok)
        {
            throw new MachineException(LastError());
        }
    }

    /// <summary>The shim's sentence about this thread's last call that failed.</summary>
    public static string LastError() => Marshal.PtrToStringUTF8((nint)LastErrorText()) ?? "";

    /// <summary>A text that the shim writes.</summary>
    public static string Text(Func<nint, nuint, int> write)
    {
        byte* text = stackalloc byte[TextBytes];
        Check(write((nint)text, TextBytes));
        return Marshal.PtrToStringUTF8((nint)text) ?? "";
    }

    [LibraryImport(Library, EntryPoint = "lean_comm_version")]
    private static partial int AbiVersion();

    [LibraryImport(Library, EntryPoint = "lean_comm_last_error")]
    private static partial byte* LastErrorText();

    [LibraryImport(Library, EntryPoint = "lean_comm_mpi_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MpiOpen(string? file, nint text, nuint capacity);

    [LibraryImport(Library, EntryPoint = "lean_comm_mpi_init")]
    public static partial int MpiInit(out int rank, out int ranks, out int threads);

    [LibraryImport(Library, EntryPoint = "lean_comm_mpi_send")]
    public static partial int MpiSend(nint data, nuint bytes, int peer, int tag, nint* request);

    [LibraryImport(Library, EntryPoint = "lean_comm_mpi_receive")]
    public static partial int MpiReceive(nint data, nuint bytes, int peer, int tag, nint* request);

    [LibraryImport(Library, EntryPoint = "lean_comm_mpi_test")]
    public static partial int MpiTest(nint* request, out int done, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "lean_comm_mpi_finalize")]
    public static partial int MpiFinalize();

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int CclOpen(int kind, string? file, out nint library);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_describe")]
    public static partial int CclDescribe(nint library, nint text, nuint capacity);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_id_size")]
    public static partial int CclIdSize(nint library, out nuint bytes);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_id")]
    public static partial int CclId(nint library, byte* id, nuint bytes);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_join")]
    public static partial int CclJoin(nint library, byte* id, nuint bytes, int ranks, int rank, uint device, out nint group);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_leave")]
    public static partial int CclLeave(nint group);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_abort")]
    public static partial int CclAbort(nint group);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_check")]
    public static partial int CclCheck(nint group);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_all_reduce")]
    public static partial int CclAllReduce(nint group, nint send, nint receive, nuint count, int type, int op, nint stream);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_all_gather")]
    public static partial int CclAllGather(nint group, nint send, nint receive, nuint count, int type, nint stream);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_reduce_scatter")]
    public static partial int CclReduceScatter(nint group, nint send, nint receive, nuint count, int type, int op, nint stream);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_broadcast")]
    public static partial int CclBroadcast(nint group, nint send, nint receive, nuint count, int type, int root, nint stream);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_send")]
    public static partial int CclSend(nint group, nint data, nuint count, int type, int peer, nint stream);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_receive")]
    public static partial int CclReceive(nint group, nint data, nuint count, int type, int peer, nint stream);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_batch_begin")]
    public static partial int CclBatchBegin(nint library);

    [LibraryImport(Library, EntryPoint = "lean_comm_ccl_batch_end")]
    public static partial int CclBatchEnd(nint library);

    private static string? Probe()
    {
        if (RuntimeFeature.IsDynamicCodeSupported)
        {
            // On the JIT; a native binary has the shim in itself and asks nobody.
            NativeLibrary.SetDllImportResolver(typeof(CommLibrary).Assembly, Find);
        }

        try
        {
            int version = AbiVersion();
            return version == Version ? null : $"{File} beside the program has version {version}, expected {Version}";
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            return $"this build has no {File}: it is made where a C compiler is found, on Linux";
        }
    }

    private static nint Find(string library, Assembly assembly, DllImportSearchPath? path) =>
        library == Library && NativeLibrary.TryLoad(Path.Combine(AppContext.BaseDirectory, File), out nint handle) ? handle : 0;
}
