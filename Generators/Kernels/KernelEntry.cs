namespace Lean.Generators.Kernels;

/// <summary>What the list of kernels says of one.</summary>
internal sealed record KernelEntry(string Name, string Entry, string Op, int Threads, int SharedBytes, int DynamicBytes, int Cluster, bool KeepsRoom, string Targets, string Views)
{
    public static KernelEntry Of(KernelModel model) => new(
        model.Name, model.Entry, model.Op, model.Threads, model.SharedBytes, model.DynamicBytes, model.Cluster, model.KeepsRoom, string.Join(" ", model.Targets),
        string.Join(", ", model.Parameters.Where(p => p.IsView).Select(p => $"{p.Name} {p.Element} {p.Symbols}")));
}
