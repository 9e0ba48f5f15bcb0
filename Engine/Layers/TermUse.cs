namespace Lean.Engine.Layers;

/// <summary>What half a layer does with the terms of a prompt's rows, where the device makes them with the norm.</summary>
internal enum TermUse
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Some of its products take them, others the rows themselves.</summary>
    Beside,

    /// <summary>All of its products take them.</summary>
    Instead,
}
