namespace Lean.Tensors;

/// <summary>What a path leads to, as far as reading and writing differ.</summary>
internal enum FileKind
{
    /// <summary>Nothing, a link that leads nowhere, or something that cannot be told.</summary>
    Unknown,

    /// <summary>A file with a length.</summary>
    Regular,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A pipe, a device or a socket: opening it may wait for another program, and it may never end.</summary>
    Stream,
}
