namespace Lean.Kernels;

/// <summary>A kernel that this binary carries; the build lists them in <see cref="DeviceKernels"/>.</summary>
public sealed class DeviceKernel
{
    internal DeviceKernel(int index, string entry, string op, int threads, int sharedBytes, int dynamicBytes, int cluster, bool keepsRoom, string targets, string views)
    {
        (Index, Entry, Op, Threads, SharedBytes, DynamicBytes, Cluster, KeepsRoom, Views) = (index, entry, op, threads, sharedBytes, dynamicBytes, cluster, keepsRoom, views);
        Targets = targets.Split(' ');
    }

    /// <summary>The entry's name in every target.</summary>
    public string Entry { get; }

    /// <summary>What it computes, without the suffix of its instance.</summary>
    public string Op { get; }

    /// <summary>Threads of a group.</summary>
    public int Threads { get; }

    /// <summary>Shared memory of a group.</summary>
    public int SharedBytes { get; }

    /// <summary>Shared memory that each launch asks for besides; only kernels of single targets do.</summary>
    public int DynamicBytes { get; }

    /// <summary>Groups of a cluster, or 0.</summary>
    public int Cluster { get; }

    /// <summary>Whether a multiprocessor sets aside all the shared memory that it has while the kernel runs, for groups of launches behind it.</summary>
    public bool KeepsRoom { get; }

    /// <summary>What it was compiled for: opencl, spirv, sm_80, …</summary>
    public IReadOnlyList<string> Targets { get; }

    /// <summary>Its views with type and shape, for people.</summary>
    public string Views { get; }

    /// <summary>Its place in <see cref="DeviceKernels.All"/>, where devices keep what the driver made of it.</summary>
    internal int Index { get; }
}
