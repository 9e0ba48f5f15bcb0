using System.Runtime.InteropServices;

namespace Lean.Tensors;

/// <summary>Tells the system how a mapped file is used, and brings its pages into memory ahead of their use.</summary>
internal static unsafe partial class MappedPages
{
    /// <summary>Bytes between two reports; large enough that disks read at full speed, small enough to cancel soon.</summary>
    public const long Stride = 64L << 20;

    private const int AdviceWillNeed = 3;
    private const int AdviceHugePage = 14;

    /// <summary>
    /// Asks for pages of 2 MiB, which a Linux since 5.18 gives files on file systems that can (ext4, XFS, Btrfs) as it reads them:
    /// streaming weights through pages of 4 KiB costs a seventh of the memory's rate in page walks. Elsewhere nothing happens.
    /// </summary>
    /// <param name="data">The first byte of the mapping.</param>
    /// <param name="bytes">Its length.</param>
    public static void PreferHuge(byte* data, long bytes) => Advise(data, bytes, AdviceHugePage);

    /// <summary>Reads one byte of each page of <paramref name="bytes"/> bytes, asking the system to read one stride ahead.</summary>
    /// <param name="data">The first byte.</param>
    /// <param name="bytes">The number of bytes.</param>
    /// <param name="bytesBefore">Bytes of earlier files, added to what is reported.</param>
    /// <param name="progress">Told the bytes brought in so far after each stride.</param>
    /// <param name="cancellation">Looked at before each stride.</param>
    public static void Prefetch(byte* data, long bytes, long bytesBefore, IProgress<long>? progress, CancellationToken cancellation)
    {
        Advise(data, long.Min(Stride, bytes), AdviceWillNeed);
        for (long from = 0; from < bytes;)
        {
            cancellation.ThrowIfCancellationRequested();
            long to = from + long.Min(Stride, bytes - from);
            Advise(data + to, long.Min(Stride, bytes - to), AdviceWillNeed);
            Touch(data + from, data + to);
            progress?.Report(bytesBefore + to);
            from = to;
        }
    }

    private static void Touch(byte* from, byte* to)
    {
        nuint page = (nuint)Environment.SystemPageSize;
        while (from < to)
        {
            _ = Volatile.Read(ref *from);
            from = (byte*)(((nuint)from + page) & ~(page - 1));
        }
    }

    private static void Advise(byte* from, long bytes, int advice)
    {
        if (!OperatingSystem.IsLinux() || bytes <= 0)
        {
            return;
        }

        nuint page = (nuint)Environment.SystemPageSize;
        byte* aligned = (byte*)((nuint)from & ~(page - 1));
        try
        {
            // The result is not looked at: advice only saves waiting, the reads that follow bring the pages in anyway.
            _ = MAdvise(aligned, (nuint)(from - aligned) + (nuint)bytes, advice);
        }
        catch (Exception fault) when (fault is DllNotFoundException or EntryPointNotFoundException)
        {
            // The same holds for a C library without the function.
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MAdvise(void* address, nuint length, int advice);
}
