namespace Lean.Kernels.Device;

/// <summary>Which of an expert's products <see cref="ExpertsWarpGroup"/> makes.</summary>
public interface IExpertProduct
{
    /// <summary>Whether it is gate and up, which leave silu(gate) · up as terms; else down, which leaves sums.</summary>
    static abstract bool IsGateUp { get; }
}

/// <summary>Gate and up.</summary>
public struct GateUpProduct : IExpertProduct
{
    /// <inheritdoc/>
    public static bool IsGateUp => true;
}

/// <summary>Down.</summary>
public struct DownProduct : IExpertProduct
{
    /// <inheritdoc/>
    public static bool IsGateUp => false;
}
