using Lean.Engine.Models;
using Lean.Tensors;

namespace Lean.Engine.Weights;

/// <summary>
/// Gives a model random bf16 weights of a trained model's scale, in the published layout: for benchmarks of models
/// whose checkpoint is not at hand. Owns the memory.
/// </summary>
internal sealed class SyntheticBinder : IWeightBinder, IDisposable
{
    // Smaller tensors are widened or computed with, on the host.
    private const long DeferredFrom = 1 << 20;

    private readonly ModelConfig _config;
    private readonly ulong _seed;
    private readonly int _threads;
    private readonly IProgress<long>? _progress;
    private readonly IDeferredWeights? _onDevice;
    private readonly List<SyntheticBuffer> _buffers = [];
    private readonly Dictionary<(string Kind, long Width), SyntheticDistribution> _distributions = [];

    /// <summary>Prepares to make weights.</summary>
    /// <param name="config">The model's configuration.</param>
    /// <param name="seed">The same seed gives the same weights, on any number of threads.</param>
    /// <param name="progress">Told the bytes made so far, after each tensor.</param>
    /// <param name="threads">The most threads to use; 0 for one per core.</param>
    /// <param name="onDevice">Makes the large tensors on a device, or null.</param>
    public SyntheticBinder(ModelConfig config, ulong seed, IProgress<long>? progress = null, int threads = 0, IDeferredWeights? onDevice = null) =>
        (_config, _seed, _progress, _threads, _onDevice) = (config, seed, progress, threads > 0 ? threads : Environment.ProcessorCount, onDevice);

    /// <summary>The bytes made so far.</summary>
    public long Bytes { get; private set; }

    /// <inheritdoc/>
    public bool Contains(string name) => PublishedNames.Contains(_config, name);

    /// <inheritdoc/>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public Tensor Take(WeightSpec spec)
    {
        var tensor = new Tensor(DType.BF16, spec.Shape, 0);
        var buffer = new SyntheticBuffer(tensor.Bytes);
        _buffers.Add(buffer);
        ulong key = SyntheticFill.Key(_seed, spec.Name);
        if (_onDevice is not null && tensor.Bytes >= DeferredFrom)
        {
            _onDevice.Promise(buffer.Address, tensor.Bytes, key, DistributionOf(spec));
        }
        else
        {
            SyntheticFill.Fill(buffer.Address, spec.Shape.Count, key, DistributionOf(spec), _threads);
        }

        Bytes += tensor.Bytes;
        _progress?.Report(Bytes);
        return new Tensor(DType.BF16, spec.Shape, buffer.Address);
    }

    /// <summary>Frees the weights: no tensor taken may be used any more.</summary>
    public void Dispose()
    {
        foreach (SyntheticBuffer buffer in _buffers)
        {
            buffer.Dispose();
        }

        _buffers.Clear();
    }

    private SyntheticDistribution DistributionOf(WeightSpec spec)
    {
        string kind = KindOf(spec.Name);
        long width = kind is "linear" or "router" ? spec.Shape[spec.Shape.Rank - 1] : 0;
        if (!_distributions.TryGetValue((kind, width), out SyntheticDistribution? distribution))
        {
            distribution = kind switch
            {
                "A_log" => SyntheticDistribution.LogUniform(16),
                "conv" => SyntheticDistribution.Normal(0, 0.5),
                "router" => SyntheticDistribution.Normal(0, 2 / double.Sqrt(width)),
                "plain norm" => SyntheticDistribution.Normal(1, 0.1),
                "norm" or "dt_bias" => SyntheticDistribution.Normal(0, 0.1),
                _ => SyntheticDistribution.Normal(0, 1 / double.Sqrt(width)),
            };
            _distributions.Add((kind, width), distribution);
        }

        return distribution;
    }

    private static string KindOf(string name) => name switch
    {
        _ when name.EndsWith(".A_log", StringComparison.Ordinal) => "A_log",
        _ when name.EndsWith(".dt_bias", StringComparison.Ordinal) => "dt_bias",
        _ when name.EndsWith(".conv1d.weight", StringComparison.Ordinal) => "conv",
        _ when name.EndsWith(".mlp.gate.weight", StringComparison.Ordinal) => "router",

        // The one norm that scales by w, not by 1 + w.
        _ when name.EndsWith(".linear_attn.norm.weight", StringComparison.Ordinal) => "plain norm",
        _ when name.Contains("norm", StringComparison.Ordinal) => "norm",
        _ => "linear",
    };
}
