using Lean.Comm;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Gives one rank its slices of what another binder finds: views where a slice lies together (rows, experts), copies in
/// memory of its own where it does not (columns, several ranges of rows).
/// </summary>
/// <param name="inner">Finds the whole tensors.</param>
/// <param name="layout">The layout.</param>
/// <param name="rank">The rank, of the world.</param>
/// <param name="deferred">Weights that are made on a device, whose slices are named instead of copied; or null.</param>
internal sealed class SlicingBinder(IWeightBinder inner, ParallelLayout layout, int rank, IDeferredWeights? deferred = null) : IWeightBinder, IDisposable
{
    private readonly List<HostBuffer> _copies = [];
    private readonly List<SyntheticBuffer> _names = [];

    /// <summary>Bytes of weights that the rank holds.</summary>
    public long Bytes { get; private set; }

    /// <summary>How many of those are copies.</summary>
    public long CopiedBytes => _copies.Sum(static c => c.Bytes);

    /// <inheritdoc/>
    public bool Contains(string name) => inner.Contains(name);

    /// <summary>The rank's slice, or an empty view where it is missing, mis-shaped, or an expert that other ranks have.</summary>
    /// <exception cref="InputException">The weight cannot be divided between the layout's ranks.</exception>
    public Tensor Take(WeightSpec spec)
    {
        Tensor whole = inner.Take(spec);
        WeightSlice slice = WeightSlicer.Slice(spec, layout, rank);
        if (whole.IsEmpty || slice.Indices == 0)
        {
            return default;
        }

        Tensor own = slice.Indices == spec.Shape[slice.Dimension] ? whole
            : slice.Dimension == 0 && slice.Ranges.Length == 1 ? whole.Rows(slice.Ranges[0].Start, slice.Ranges[0].Count)
            : Named(whole, slice) ?? Copy(whole, slice);
        Bytes += own.Bytes;
        return own;
    }

    /// <summary>Frees the copies: no slice given out may be used any more.</summary>
    public void Dispose()
    {
        _copies.ForEach(static c => c.Dispose());
        _copies.Clear();
        _names.ForEach(static n => n.Dispose());
        _names.Clear();
    }

    private Tensor? Named(Tensor whole, in WeightSlice slice)
    {
        if (deferred is null)
        {
            return null;
        }

        Shape shape = slice.Of(whole.Shape);
        var name = new SyntheticBuffer(shape.Count * whole.Type.Size());
        if (deferred.TryPromise(whole, slice, name.Address))
        {
            _names.Add(name);
            return new Tensor(whole.Type, shape, name.Address);
        }

        name.Dispose();
        return null;
    }

    private unsafe Tensor Copy(Tensor whole, WeightSlice slice)
    {
        Shape shape = slice.Of(whole.Shape);
        HostBuffer copy = HostBuffer.For(whole.Type, shape);
        _copies.Add(copy);
        long outer = 1, inside = whole.Type.Size();
        for (int d = 0; d < shape.Rank; d++)
        {
            outer *= d < slice.Dimension ? shape[d] : 1;
            inside *= d > slice.Dimension ? shape[d] : 1;
        }

        byte* target = (byte*)copy.Address;
        for (long o = 0; o < outer; o++)
        {
            byte* source = (byte*)whole.Address + (o * whole.Shape[slice.Dimension] * inside);
            foreach (IndexRange range in slice.Ranges)
            {
                long bytes = range.Count * inside;
                Buffer.MemoryCopy(source + (range.Start * inside), target, bytes, bytes);
                target += bytes;
            }
        }

        return copy.View(whole.Type, shape);
    }
}
