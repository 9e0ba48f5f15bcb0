namespace Lean.Generators.Kernels;

/// <summary>One kernel, ready to get a launcher.</summary>
internal sealed record KernelModel(
    string Entry,
    string Op,
    int Threads,
    int SharedBytes,
    int DynamicBytes,
    int Cluster,
    bool KeepsRoom,
    Extent Groups,
    Extent GroupsY,
    EquatableArray<ParameterModel> Parameters,
    EquatableArray<string> Targets)
{
    /// <summary>The kernel's name as C# writes it: add_rms_norm becomes AddRmsNorm.</summary>
    public string Name => string.Concat(Entry.Split('_').Select(w => char.ToUpperInvariant(w[0]) + w.Substring(1)));
}
