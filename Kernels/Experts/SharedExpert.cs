namespace Lean.Kernels;

/// <summary>The expert that every row goes through.</summary>
/// <param name="GateUp">[2J, H]: gate in the first J rows, up in the others.</param>
/// <param name="Down">[H, J].</param>
public sealed record SharedExpert(LinearWeight GateUp, LinearWeight Down);
