namespace Lean.Tensors;

/// <summary>
/// Reads a checkpoint's pages on a thread of its own while another copies tensors to a device, so that the disk and the
/// copies work at the same time. Only where the host's memory holds the whole checkpoint: elsewhere pages read early
/// would be gone again before their turn.
/// </summary>
public sealed class ReadAhead : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread? _reader;

    private ReadAhead(Checkpoint checkpoint, bool fits, IProgress<long>? progress)
    {
        if (fits)
        {
            _reader = new Thread(() => Read(checkpoint, progress)) { IsBackground = true, Name = "read ahead" };
            _reader.Start();
        }
    }

    /// <summary>Starts reading.</summary>
    /// <param name="checkpoint">Stays open until the reading is disposed.</param>
    public static ReadAhead Start(Checkpoint checkpoint) => Start(checkpoint, CpuDevice.Shared.FreeMemory, progress: null);

    /// <summary>Waits until the reading has stopped, within 64 MiB.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _reader?.Join();
        _stop.Dispose();
    }

    /// <summary>Starts reading where <paramref name="free"/> bytes of memory suffice.</summary>
    internal static ReadAhead Start(Checkpoint checkpoint, long free, IProgress<long>? progress)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        return new ReadAhead(checkpoint, checkpoint.Bytes <= free, progress);
    }

    private void Read(Checkpoint checkpoint, IProgress<long>? progress)
    {
        try
        {
            checkpoint.Prefetch(progress, _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // Everything has been copied, or loading failed: nobody waits for the rest.
        }
    }
}
