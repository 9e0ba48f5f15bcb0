using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Bench.Ops;

/// <summary>
/// One op at one shape and one number of rows: what memory it needs, what it must move and compute, one launch, and the
/// check against f64. Everything it uses is described first and given memory later, so that a plan costs nothing.
/// </summary>
/// <param name="name">What it is called: the op, or the projection.</param>
/// <param name="shape">Its shapes, for people.</param>
/// <param name="rows">T, rows of a launch.</param>
/// <param name="rowClass">The rows' class, or null where the op knows none.</param>
internal abstract class OpBench(string name, string shape, int rows, RowClass? rowClass)
{
    /// <summary>‖Δ‖/‖expected‖ that sums in f32 may come to.</summary>
    protected const double SumsInF32 = 2e-5;

    /// <summary>The same of numbers that are rounded to the nearest bf16, each off by 1.5e-3 in the mean square.</summary>
    protected const double RoundedToBF16 = 2.5e-3;

    // What a prompt's experts gave, which Hopper, whose norms add up what is left in parts, rounds to bf16 where activations are rounded.
    private const double RoundedParts = 3e-3;

    // A value between two products that lies so near the middle of two bf16 that it is rounded up here and down in f64.
    private const double Turn = 5e-4;

    private BenchData? _data;

    /// <summary>What it is called.</summary>
    public string Name => name;

    /// <summary>Its shapes.</summary>
    public string Shape => shape;

    /// <summary>T.</summary>
    public int Rows => rows;

    /// <summary>The rows' class, or null.</summary>
    public RowClass? Class => rowClass;

    /// <summary>What its numbers of rows stand together under; the shape, where that does not depend on the rows' class.</summary>
    public virtual string Group => shape;

    /// <summary>What a launch must move and compute.</summary>
    public abstract Work Work { get; }

    /// <summary>Experts that a launch touches, in the mean over the routings; null without experts.</summary>
    public virtual double? ExpertsTouched => null;

    /// <summary>What it only reads, such as weights: sets of it take turns.</summary>
    public Layout Fixed { get; } = new();

    /// <summary>What it also writes, such as states: sets of it take turns.</summary>
    public Layout Written { get; } = new();

    /// <summary>What all launches share.</summary>
    public List<OwnTensor> Own { get; } = [];

    /// <summary>Rows that are a prompt's.</summary>
    protected int PromptRows => rowClass == RowClass.Prompt ? rows : 0;

    /// <summary>Where everything lies.</summary>
    protected BenchData Data => _data ?? throw new InvalidOperationException($"{name} has no memory yet");

    /// <summary>Gives it memory.</summary>
    public void Bind(BenchData data)
    {
        _data = data;
        Arrange();
    }

    /// <summary>Queues one launch; the turn picks the sets.</summary>
    public abstract void Launch(KernelSet ops, int turn);

    /// <summary>Launches turn 0 on poisoned outputs and compares with f64.</summary>
    public abstract void Check(CheckRun check);

    /// <summary>Makes what needs addresses.</summary>
    protected virtual void Arrange()
    {
    }

    /// <summary>Adds random values that all launches share.</summary>
    protected int Random(params ReadOnlySpan<long> extents) => Add(new OwnTensor(DType.F32, Tensors.Shape.Of(extents), Random: true));

    /// <summary>Adds an output that all launches share.</summary>
    protected int Output(params ReadOnlySpan<long> extents) => Add(new OwnTensor(DType.F32, Tensors.Shape.Of(extents)));

    /// <summary>Adds an output of integers that all launches share.</summary>
    protected int IntegerOutput(params ReadOnlySpan<long> extents) => Add(new OwnTensor(DType.I32, Tensors.Shape.Of(extents)));

    /// <summary>Adds integers that all launches share.</summary>
    protected int Integers(int[] values, params ReadOnlySpan<long> extents) => Add(new OwnTensor(DType.I32, Tensors.Shape.Of(extents), Integers: values));

    /// <summary>Adds a tensor that all launches share.</summary>
    protected int Add(OwnTensor tensor)
    {
        Own.Add(tensor);
        return Own.Count - 1;
    }

    /// <summary>The rows that a check recomputes: the first, one in the middle, the last.</summary>
    protected int[] Sampled() => [.. ((int[])[0, rows / 2, rows - 1]).Distinct()];

    /// <summary>What a product of products may be off by.</summary>
    protected static double ProductsInF32(CheckRun check) => check.Ops.Activations == DType.BF16 ? Turn : SumsInF32;

    /// <summary>What experts' sums may be off by.</summary>
    protected double ExpertsInF32(CheckRun check) =>
        Class == RowClass.Prompt && check.Ops is { Activations: DType.BF16, SummedNorm: not null } ? RoundedParts : ProductsInF32(check);
}
