namespace Lean.Kernels;

/// <summary>Runs the kernel bodies of one instruction set.</summary>
internal abstract unsafe class CpuBodies
{
    /// <summary>The instruction set's name: avx512, avx2 or scalar.</summary>
    public abstract string Name { get; }

    /// <summary>Runs items <paramref name="begin"/> … <paramref name="end"/> − 1 of a kernel.</summary>
    /// <param name="kernel">Which body.</param>
    /// <param name="arguments">The body's argument struct.</param>
    /// <param name="begin">The first item.</param>
    /// <param name="end">One past the last item.</param>
    public abstract void Run(CpuKernel kernel, void* arguments, int begin, int end);
}
