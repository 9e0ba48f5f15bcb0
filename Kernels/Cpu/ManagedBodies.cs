namespace Lean.Kernels;

/// <summary>The bodies compiled into this program, over the lanes of <typeparamref name="V"/>.</summary>
internal sealed unsafe class ManagedBodies<V>(string name) : CpuBodies where V : struct, IVec<V>
{
    public override string Name => name;

    public override void Run(CpuKernel kernel, void* arguments, int begin, int end) =>
        CpuDispatch<V>.Run(kernel, arguments, begin, end);
}
