namespace Lean.Kernels;

/// <summary>
/// Which buffer an address lies in. Where a driver gives its buffers no addresses, they get some that no host pointer can
/// have, with a gap between any two, so that one past the end of a buffer is never the start of another.
/// </summary>
internal sealed class AddressMap
{
    private const long First = 1L << 60;
    private const long Page = 4096;

    private readonly Lock _changing = new();
    private Range[] _ranges = [];
    private long _next = First;

    /// <summary>The buffers that host and device share.</summary>
    public int Shared { get; private set; }

    /// <summary>All ranges by address; the array is never changed, only replaced.</summary>
    public ReadOnlySpan<Range> All => Volatile.Read(ref _ranges);

    /// <summary>Takes a buffer in.</summary>
    /// <param name="memory">The buffer.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="address">Where it lies, or 0: then it gets addresses.</param>
    /// <param name="shared">Whether the host reaches it there too.</param>
    /// <returns>Where it lies.</returns>
    public nint Add(nint memory, long bytes, nint address, bool shared)
    {
        lock (_changing)
        {
            long start = address != 0 ? address : _next;
            if (address == 0)
            {
                _next += (bytes / Page * Page) + (2 * Page);
            }

            Shared += shared ? 1 : 0;
            Replace([.. _ranges, new Range((nint)start, bytes, memory, shared)]);
            return (nint)start;
        }
    }

    /// <summary>Forgets a buffer.</summary>
    public void Remove(nint start)
    {
        lock (_changing)
        {
            Shared -= Array.Exists(_ranges, r => r.Start == start && r.Shared) ? 1 : 0;
            Replace([.. _ranges.Where(r => r.Start != start)]);
        }
    }

    /// <summary>The buffer that holds all of a piece of memory; false where none does.</summary>
    public bool TryFind(nint address, long bytes, out Range found)
    {
        Range[] ranges = Volatile.Read(ref _ranges);
        int low = 0, high = ranges.Length - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = ranges[middle].Start <= address ? (middle, high) : (low, middle - 1);
        }

        found = ranges.Length > 0 ? ranges[low] : default;
        return found.Memory != 0 && address >= found.Start && address - found.Start <= found.Bytes - bytes;
    }

    private void Replace(Range[] ranges)
    {
        Array.Sort(ranges, static (a, b) => a.Start.CompareTo(b.Start));
        Volatile.Write(ref _ranges, ranges);
    }

    /// <summary>A buffer's addresses.</summary>
    internal readonly record struct Range(nint Start, long Bytes, nint Memory, bool Shared);
}
