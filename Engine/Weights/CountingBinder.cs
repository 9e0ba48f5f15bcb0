using System.Collections.Immutable;
using Lean.Comm;
using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Remembers what a model asks for, and says what that takes in memory. Around another binder it counts the tensors
/// found; alone it counts bf16 of the published layout and hands out views without memory.
/// </summary>
internal sealed class CountingBinder : IWeightBinder
{
    private readonly IWeightBinder? _inner;
    private readonly ModelConfig? _config;
    private readonly List<(WeightSpec Spec, DType Type)> _taken = [];

    /// <summary>Counts what another binder is asked for.</summary>
    public CountingBinder(IWeightBinder inner) => _inner = inner;

    /// <summary>Counts a model that is not there.</summary>
    public CountingBinder(ModelConfig config) => _config = config;

    /// <summary>What was asked for, in order.</summary>
    public IEnumerable<WeightSpec> Specs => _taken.Select(t => t.Spec);

    /// <summary>What was asked for, with the types it has.</summary>
    public IEnumerable<(WeightSpec Spec, DType Type)> Typed => _taken;

    /// <summary>Parameters of the model, each tensor once.</summary>
    public long Parameters => _taken.Sum(t => t.Spec.Shape.Count);

    /// <summary>Bytes of the model, each tensor once.</summary>
    public long Bytes => _taken.Sum(t => checked(t.Spec.Shape.Count * t.Type.Size()));

    /// <inheritdoc/>
    public bool Contains(string name) => _inner?.Contains(name) ?? PublishedNames.Contains(_config!, name);

    /// <inheritdoc/>
    public Tensor Take(WeightSpec spec)
    {
        Tensor tensor = _inner?.Take(spec) ?? new Tensor(DType.BF16, spec.Shape, 0);
        _taken.Add((spec, tensor.IsEmpty ? DType.BF16 : tensor.Type));
        return tensor;
    }

    /// <summary>The bytes each rank of a layout holds.</summary>
    /// <exception cref="InputException">A weight cannot be divided between that many ranks.</exception>
    public PlacementTotals Place(ParallelLayout layout)
    {
        long model = 0;
        long[] held = new long[layout.Ranks];
        var replicas = ImmutableArray.CreateBuilder<(string, long)>();
        foreach ((WeightSpec spec, DType type) in _taken)
        {
            long bytes = checked(spec.Shape.Count * type.Size()), all = 0;
            for (int rank = 0; rank < held.Length; rank++)
            {
                long own = WeightSlicer.Slice(spec, layout, rank).Elements(spec.Shape) * type.Size();
                held[rank] += own;
                all += own;
            }

            model += bytes;
            if (all > bytes)
            {
                replicas.Add((spec.Name, all - bytes));
            }
        }

        return new PlacementTotals(model, [.. held], replicas.ToImmutable());
    }
}
