namespace Lean.Kernels;

/// <summary>Where CPU ops launch: the bodies of one instruction set and the threads that share them.</summary>
public sealed unsafe class CpuBackend : IDisposable
{
    private readonly CpuBodies _bodies;
    private readonly CpuWorkers _workers;

    internal CpuBackend(CpuBodies bodies, int threads)
    {
        _bodies = bodies;
        _workers = new CpuWorkers(bodies, threads);
    }

    /// <summary>The instruction set in use: avx512, avx2 or scalar.</summary>
    public string InstructionSet => _bodies.Name;

    /// <summary>Threads that share each op.</summary>
    public int Threads => _workers.Count;

    /// <summary>Stops the threads.</summary>
    public void Dispose() => _workers.Dispose();

    internal void Run(CpuKernel kernel, void* arguments, int items, long workPerItem) =>
        _workers.Run(kernel, arguments, items, workPerItem);
}
