using System.Collections.Immutable;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// The rings of all ranks at the moment somebody asked why nothing moves. As a file it is versioned, bounded, and read
/// without trust: it may come from anywhere.
/// </summary>
/// <param name="Created">When the rings were collected.</param>
/// <param name="Build">The build that made them.</param>
/// <param name="Layout">How ranks are laid out.</param>
/// <param name="Transport">What moves the data.</param>
/// <param name="Reason">Why they were collected, in one sentence.</param>
/// <param name="Reports">One per rank, in order.</param>
public sealed record FlightDump(
    DateTimeOffset Created, string Build, ParallelLayout Layout, string Transport, string Reason, ImmutableArray<RankReport> Reports)
{
    private const int MostBytes = 256 << 20;

    /// <summary>Writes the dump to a new file.</summary>
    /// <exception cref="MachineException">The system refuses.</exception>
    public void Save(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
            file.Write(FlightDumpFormat.ToBytes(this));
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new MachineException($"the dump could not be written to '{path}': {fault.Message}", fault);
        }
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="InputException">It is no dump, or it is broken.</exception>
    public static FlightDump Load(string path) => FlightDumpFormat.Read(BoundedFile.Read(path, MostBytes), path);
}
