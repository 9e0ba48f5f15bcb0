using Lean.Tensors;

namespace Lean.Engine.Scoring;

/// <summary>What scoring a text gave; owns its tensors.</summary>
internal sealed class ScoreResult : IDisposable
{
    private readonly List<HostBuffer> _buffers = [];

    /// <summary>−log p(token i + 1 | tokens 0 … i) for i = 0 … T − 2.</summary>
    public required float[] NegativeLogLikelihood { get; init; }

    /// <summary>The tensors asked for, by the names they have in the output file.</summary>
    public List<KeyValuePair<string, Tensor>> Tensors { get; } = [];

    /// <summary>The mean over all predictions, in nats; NaN where there is none.</summary>
    public double Mean => NegativeLogLikelihood.Length == 0 ? double.NaN : NegativeLogLikelihood.Average(v => (double)v);

    /// <summary>Allocates a result tensor.</summary>
    public Tensor Add(string name, Shape shape)
    {
        HostBuffer buffer = HostBuffer.For(DType.F32, shape);
        _buffers.Add(buffer);
        Tensor view = buffer.View(DType.F32, shape);
        Tensors.Add(new(name, view));
        return view;
    }

    public void Dispose() => _buffers.ForEach(static b => b.Dispose());
}
