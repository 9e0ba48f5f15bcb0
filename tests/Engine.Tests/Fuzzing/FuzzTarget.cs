namespace Lean.Engine.Tests.Fuzzing;

/// <summary>A reader that takes bytes somebody else wrote.</summary>
internal abstract class FuzzTarget : IDisposable
{
    /// <summary>What to call it in reports and files.</summary>
    public abstract string Name { get; }

    /// <summary>Inputs that mutation starts from; the reader accepts each of them.</summary>
    public abstract IReadOnlyList<byte[]> Seeds { get; }

    /// <summary>Fragments that mean something to the reader.</summary>
    public abstract IReadOnlyList<string> Words { get; }

    /// <summary>Bytes that one input may make the reader allocate, beyond a thousand for each of its own.</summary>
    public virtual long AllocationLimit => 32 << 20;

    /// <summary>Reads the input and uses what was read, the way the engine would.</summary>
    /// <exception cref="Lean.Tensors.InputException">The input was refused: the one exception that is no finding.</exception>
    public abstract void Read(byte[] input);

    public virtual void Dispose()
    {
    }
}
