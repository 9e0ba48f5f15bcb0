using Lean.Engine.Models;
using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Scoring;

/// <summary>Keeps the residual stream after each decoder layer, and the states after the final norm.</summary>
/// <param name="hidden">
/// f32 [L + 1, T, H]: entries 0 … L − 1 after each decoder layer, entry L after the final norm.
/// </param>
/// <param name="transfers">Brings them from the ops' device.</param>
internal sealed class HiddenRecorder(Tensor hidden, Transfers transfers) : IHiddenTap
{
    private int _first;

    /// <summary>Says which position the next step's first row has.</summary>
    public void Begin(int firstPosition) => _first = firstPosition;

    public void AfterLayer(int layer, Tensor residual, Tensor delta)
    {
        Span<float> target = Target(layer, residual.Shape[0]);
        Tensor first = transfers.ToHost(residual);
        ReadOnlySpan<float> right = transfers.Read(delta).AsSpan<float>(), left = first.AsSpan<float>();
        for (int i = 0; i < target.Length; i++)
        {
            target[i] = left[i] + right[i];
        }
    }

    /// <summary>Keeps the states after the final norm.</summary>
    public void Final(Tensor states) => transfers.Read(states).AsSpan<float>().CopyTo(Target((int)hidden.Shape[0] - 1, states.Shape[0]));

    private Span<float> Target(int entry, long rows) => hidden.Slice(entry).Rows(rows == 0 ? 0 : _first, rows).AsSpan<float>();
}
