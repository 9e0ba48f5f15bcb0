namespace Lean.Kernels.Device;

/// <summary>Which of an expert's products <see cref="ExpertsWarpGroup"/> makes.</summary>
public interface IExpertProduct
{
    /// <summary>Whether threads gather the rows of a block from wherever they lie; else the copy engine brings neighbours.</summary>
    static abstract bool IsGathered { get; }

    /// <summary>Whether it is gate and up, which leave silu(gate) · up as terms; else down, which leaves sums.</summary>
    static abstract bool IsGateUp { get; }
}

/// <summary>Gate and up, of rows from wherever they lie.</summary>
public struct GateUpProduct : IExpertProduct
{
    /// <inheritdoc/>
    public static bool IsGateUp => true;

    /// <inheritdoc/>
    public static bool IsGathered => true;
}

/// <summary>Down, of rows that gate and up left by expert.</summary>
public struct DownProduct : IExpertProduct
{
    /// <inheritdoc/>
    public static bool IsGateUp => false;

    /// <inheritdoc/>
    public static bool IsGathered => false;
}
