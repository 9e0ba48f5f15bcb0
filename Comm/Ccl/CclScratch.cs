using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Memory that is used again from call to call and grows. What was given out before stays as it is until the end: a graph may
/// hold its address, and queued work may still use it.
/// </summary>
/// <param name="allocate">Allocates bytes.</param>
internal sealed class CclScratch(Func<long, IDeviceBuffer> allocate) : IDisposable
{
    private const long Least = 1 << 20;

    private readonly List<IDeviceBuffer> _outgrown = [];
    private IDeviceBuffer? _current;

    /// <summary>Whether so many bytes are there already.</summary>
    public bool Has(long bytes) => bytes <= (_current?.Bytes ?? 0);

    /// <summary>The first byte's address.</summary>
    /// <param name="bytes">How many are needed.</param>
    public nint Take(long bytes)
    {
        if (!Has(bytes))
        {
            // At least twice as much: all that was outgrown is less than what is there.
            IDeviceBuffer grown = allocate(long.Max(long.Max(bytes, Least), 2 * (_current?.Bytes ?? 0)));
            if (_current is not null)
            {
                _outgrown.Add(_current);
            }

            _current = grown;
        }

        return _current?.Address ?? 0;
    }

    public void Dispose()
    {
        _current?.Dispose();
        _outgrown.ForEach(static b => b.Dispose());
        _outgrown.Clear();
        _current = null;
    }
}
