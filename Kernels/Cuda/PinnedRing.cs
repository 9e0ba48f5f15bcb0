using System.Runtime.InteropServices;

namespace Lean.Kernels;

/// <summary>
/// Pinned memory that large copies to the device go through, a piece at a time: while the device fetches one piece, the
/// host reads the next. Copies straight from a mapped file would wait for the disk inside the driver.
/// </summary>
internal sealed unsafe class PinnedRing : IDisposable
{
    /// <summary>Bytes from which on a copy goes through here.</summary>
    public const long Worthwhile = 1 << 20;

    private const int Pieces = 4;
    private const long PieceBytes = 16 << 20;

    private readonly CudaDevice _device;
    private readonly CudaBuffer[] _pieces = new CudaBuffer[Pieces];
    private readonly nint[] _taken = new nint[Pieces];
    private int _next;

    public PinnedRing(CudaDevice device)
    {
        _device = device;
        for (int i = 0; i < Pieces; i++)
        {
            _pieces[i] = device.Pin(PieceBytes);
            CudaError.Check(CU.EventCreate(out _taken[i], CU.EventDisableTiming), device.Name, "make an event");
        }
    }

    /// <summary>Queues a copy; the host's memory can change when it returns.</summary>
    public void Copy(nint host, nint device, long bytes, nint stream)
    {
        for (long done = 0; done < bytes; done += PieceBytes)
        {
            long count = long.Min(PieceBytes, bytes - done);
            int piece = _next;
            _next = (_next + 1) % Pieces;

            // An event that was never recorded counts as complete.
            CudaError.Check(CU.EventSynchronize(_taken[piece]), _device.Name, "run what was queued");
            NativeMemory.Copy((void*)(host + (nint)done), (void*)_pieces[piece].Address, (nuint)count);
            CudaError.Check(CU.CopyHostToDevice(device + (nint)done, _pieces[piece].Address, (nuint)count, stream), _device.Name, "copy to the device");
            CudaError.Check(CU.EventRecord(_taken[piece], stream), _device.Name, "mark its work");
        }
    }

    public void Dispose()
    {
        for (int i = 0; i < Pieces; i++)
        {
            _ = CU.EventDestroy(_taken[i]);
            _pieces[i].Dispose();
        }
    }
}
