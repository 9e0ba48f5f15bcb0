namespace Lean.Kernels;

/// <summary>
/// Work that was queued once and can be queued again as a whole, for a fraction of what its launches cost the host: the
/// same kernels with the same arguments, so whatever changes from one time to the next lies in the memory they read.
/// </summary>
public abstract class KernelGraph : IDisposable
{
    private protected KernelGraph(long launches) => Launches = launches;

    /// <summary>Kernels in it.</summary>
    public long Launches { get; }

    /// <summary>Queues it on the stream it was captured on.</summary>
    public abstract void Launch();

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the driver keeps of it.</summary>
    protected abstract void Dispose(bool disposing);
}
