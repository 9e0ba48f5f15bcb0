using System.Diagnostics;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench;

/// <summary>How fast a device copies its own memory, counting what is read and what is written.</summary>
internal sealed class DeviceCopyRate : IMemoryRate
{
    private const long Most = 1L << 29;
    private const int Copies = 8;
    private const int Repeats = 3;

    private readonly KernelStream _stream;
    private readonly IDeviceBuffer _buffer;
    private readonly long _bytes;

    /// <param name="stream">The device's stream.</param>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public DeviceCopyRate(KernelStream stream)
    {
        _stream = stream;
        _bytes = long.Min(Most, stream.Device.FreeMemory / 8);
        _buffer = stream.Device.Allocate(2 * _bytes);
        stream.Fill(_buffer.View(DType.I8, new Shape(2 * _bytes)), 0x5a);
    }

    /// <inheritdoc/>
    public string How => "copies on the device, bytes read and written";

    /// <inheritdoc/>
    public double Best { get; private set; }

    /// <inheritdoc/>
    public void Measure()
    {
        var shape = new Shape(_bytes);
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            _stream.Synchronize();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < Copies; i++)
            {
                _stream.CopyOnDevice(_buffer.View(DType.I8, shape), _buffer.View(DType.I8, shape, _bytes));
            }

            _stream.Synchronize();
            Best = double.Max(Best, 2.0 * Copies * _bytes / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    public void Dispose() => _buffer.Dispose();
}
