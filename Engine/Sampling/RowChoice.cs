using Lean.Kernels;

namespace Lean.Engine.Sampling;

/// <summary>How the token of one sampled row is found where the vocabulary is divided.</summary>
/// <param name="Temperature">T.</param>
/// <param name="TopK">k; 1 where the temperature is 0, 0 where all tokens are kept.</param>
/// <param name="TopP">p.</param>
/// <param name="MinP">The least e.</param>
internal readonly record struct RowChoice(float Temperature, int TopK, float TopP, float MinP)
{
    /// <summary>Whether there are too many candidates: the ranks walk through their tokens.</summary>
    public bool IsWalked => TopK is 0 or > ChoiceShape.MostCandidates;

    /// <summary>Whether the boundary of top-k is looked for.</summary>
    public bool SearchesTopK => TopK > ChoiceShape.MostCandidates;

    /// <summary>Whether the boundary of top-p is looked for.</summary>
    public bool SearchesTopP => IsWalked && TopP < 1;

    /// <summary>Reads a row.</summary>
    /// <param name="rows">The step's sampled rows.</param>
    /// <param name="row">Which.</param>
    /// <param name="vocabulary">Tokens of the model.</param>
    public static RowChoice Of(in SamplingRows rows, int row, int vocabulary)
    {
        ReadOnlySpan<float> settings = rows.Settings.AsSpan<float>().Slice(SampleTokens.SettingColumns * row, SampleTokens.SettingColumns);
        int topK = rows.TopK.AsSpan<int>()[row];
        return new RowChoice(settings[0], settings[0] == 0 ? 1 : topK < vocabulary ? topK : 0, settings[1], settings[2]);
    }
}
