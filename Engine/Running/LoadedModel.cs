using System.Diagnostics;
using Lean.Engine.Layers;
using Lean.Engine.Models;
using Lean.Engine.Weights;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>A model ready to run, with everything that must live as long as it does.</summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly IDisposable _weights;
    private readonly Parameters _parameters;
    private readonly CpuBackend? _backend;
    private readonly WeightScan? _scan;

    private LoadedModel(DecoderModel model, KernelSet ops, Parameters parameters, IDisposable weights, WeightScan? scan, CpuBackend? backend, TimeSpan loading) =>
        (Model, Ops, _parameters, _weights, _scan, _backend, LoadTime) = (model, ops, parameters, weights, scan, backend, loading);

    /// <summary>The model.</summary>
    public DecoderModel Model { get; }

    /// <summary>The ops it runs on.</summary>
    public KernelSet Ops { get; }

    /// <summary>Threads that share each op on the CPU.</summary>
    public int Threads => _backend?.Threads ?? 1;

    /// <summary>How long loading took.</summary>
    public TimeSpan LoadTime { get; }

    /// <summary>Maps a checkpoint and builds its model on the CPU.</summary>
    /// <param name="directory">The checkpoint's folder.</param>
    /// <param name="backend">The CPU, which the model then owns.</param>
    /// <param name="progress">Told the bytes read so far; null leaves reading to the first use of each page.</param>
    /// <exception cref="InputException">The checkpoint cannot be used.</exception>
    public static LoadedModel Open(string directory, CpuBackend backend, IProgress<long>? progress = null) =>
        Open(directory, CpuKernels.Create(backend), backend, progress);

    /// <summary>Maps a checkpoint and builds its model on given ops.</summary>
    public static LoadedModel Open(string directory, KernelSet ops, CpuBackend? backend = null, IProgress<long>? progress = null)
    {
        long start = Stopwatch.GetTimestamp();
        ModelConfig config = ModelConfigReader.Read(directory);
        var checkpoint = Checkpoint.Open(directory);
        var parameters = new Parameters();
        try
        {
            var source = new CheckpointSource(checkpoint);
            var binder = new CheckpointBinder(source, config, directory);
            var architecture = ModelArchitecture.Of(config);
            ModelWeights weights = architecture.Bind(binder, config);
            binder.Complete();
            if (progress is not null)
            {
                checkpoint.Prefetch(progress, CancellationToken.None);
            }

            var model = new DecoderModel(architecture, weights, new LayerContext(config, ops, parameters));
            var scan = new WeightScan(source, CheckpointLayout.Of(binder, config).TextPrefix, config);
            return new LoadedModel(model, ops, parameters, checkpoint, scan, backend, Stopwatch.GetElapsedTime(start));
        }
        catch
        {
            parameters.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }

    /// <summary>Builds a model with random weights of the published layout.</summary>
    public static LoadedModel Synthetic(ModelConfig config, ulong seed, CpuBackend backend, IProgress<long>? progress)
    {
        long start = Stopwatch.GetTimestamp();
        KernelSet ops = CpuKernels.Create(backend);
        var binder = new SyntheticBinder(config, seed, progress, backend.Threads);
        var parameters = new Parameters();
        try
        {
            var architecture = ModelArchitecture.Of(config);
            var model = new DecoderModel(architecture, architecture.Bind(binder, config), new LayerContext(config, ops, parameters));
            return new LoadedModel(model, ops, parameters, binder, scan: null, backend, Stopwatch.GetElapsedTime(start));
        }
        catch
        {
            parameters.Dispose();
            binder.Dispose();
            throw;
        }
    }

    /// <summary>The first weight that is NaN or infinite among those read at a place of the model, or null (see <see cref="FaultPlace"/>).</summary>
    public string? BadWeight(int place) => _scan?.Find(place);

    public void Dispose()
    {
        _backend?.Dispose();
        _parameters.Dispose();
        _weights.Dispose();
    }
}
