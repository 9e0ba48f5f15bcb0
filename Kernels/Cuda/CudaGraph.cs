namespace Lean.Kernels;

/// <summary>A CUDA graph, made ready to be launched.</summary>
internal sealed class CudaGraph : KernelGraph
{
    private readonly CudaDevice _device;
    private readonly CudaStream _stream;
    private nint _executable;

    /// <param name="device">Its device.</param>
    /// <param name="stream">Where it was captured.</param>
    /// <param name="executable">The driver's object, which is then owned.</param>
    /// <param name="launches">Kernels in it.</param>
    public CudaGraph(CudaDevice device, CudaStream stream, nint executable, long launches) : base(launches) =>
        (_device, _stream, _executable) = (device, stream, executable);

    public override void Launch()
    {
        _device.Enter();
        CudaError.Check(CU.GraphLaunch(_executable, _stream.Handle), _device.Name, "run a captured step");
        _stream.Launched(Launches);
    }

    protected override void Dispose(bool disposing)
    {
        if (_executable != 0)
        {
            _device.Enter();
            _ = CU.GraphExecDestroy(_executable);
            _executable = 0;
        }
    }
}
