using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>Which ops are run at which shapes and rows, in order: an op's numbers of rows stand together.</summary>
internal sealed class OpPlan
{
    private OpPlan(IReadOnlyList<OpPlanEntry> entries, IReadOnlyList<string> missing) => (Entries, Missing) = (entries, missing);

    /// <summary>The benchmarks.</summary>
    public IReadOnlyList<OpPlanEntry> Entries { get; }

    /// <summary>Ops that the device lacks.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>Makes the plan; shapes that models share are run once.</summary>
    /// <param name="models">Models and their shapes.</param>
    /// <param name="ops">The set that will run them.</param>
    /// <param name="rows">Numbers of rows.</param>
    /// <param name="rowClass">The class of all rows, or null for what is usual for their number.</param>
    /// <param name="contexts">Contexts at which generated rows attend.</param>
    /// <param name="rotation">Bytes that take turns.</param>
    /// <param name="filter">What the name or the shape must contain, or null.</param>
    /// <exception cref="InputException">Nothing is left.</exception>
    public static OpPlan Make(
        IReadOnlyList<(string Name, ModelConfig Config)> models, KernelSet ops, IReadOnlyList<int> rows, RowClass? rowClass,
        IReadOnlyList<int> contexts, long rotation, string? filter)
    {
        var found = new List<OpPlanEntry>();
        List<string> missing = [];
        foreach ((string model, ModelConfig config) in models)
        {
            foreach (int count in rows)
            {
                RowClass own = rowClass ?? (count > OpCatalog.MostGenerated ? RowClass.Prompt : RowClass.Generated);
                foreach (OpBench bench in OpCatalog.Of(config, ops, count, own, contexts, rotation, out missing))
                {
                    if (found.Find(e => (e.Bench.Name, e.Bench.Shape, e.Bench.Rows, e.Bench.Class) == (bench.Name, bench.Shape, bench.Rows, bench.Class)) is { } same)
                    {
                        same.Models.Add(model);
                    }
                    else
                    {
                        found.Add(new OpPlanEntry(bench, [model]));
                    }
                }
            }
        }

        string[] names = [.. found.Select(static e => e.Bench.Name).Distinct()];
        found.RemoveAll(e => filter is not null && !$"{e.Bench.Name} {e.Bench.Shape}".Contains(filter, StringComparison.OrdinalIgnoreCase));
        if (found.Count == 0)
        {
            throw new InputException($"--filter is '{filter}', expected a part of an op's name or shape; the ops are {string.Join(", ", names)}");
        }

        // A stable sort: ops in the order of a step, then shapes, then rows.
        return new OpPlan([.. found.GroupBy(static e => e.Bench.Name).SelectMany(static op => op.GroupBy(static e => e.Bench.Group).SelectMany(static s => s))], missing);
    }
}

/// <summary>One benchmark of a plan.</summary>
/// <param name="Bench">What is run.</param>
/// <param name="Models">The models that have it at this shape.</param>
internal sealed record OpPlanEntry(OpBench Bench, List<string> Models);
