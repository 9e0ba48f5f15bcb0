namespace Lean.Engine.Tests.Fuzzing;

/// <summary>A reader that is given a folder; the input becomes one file in it.</summary>
internal abstract class FileTarget : FuzzTarget
{
    // Memory, where the system has such a folder: a million inputs are no work for a disk.
    private const string SharedMemory = "/dev/shm";

    protected string Folder { get; } = Directory.Exists(SharedMemory)
        ? Directory.CreateDirectory(Path.Combine(SharedMemory, Path.GetRandomFileName())).FullName
        : Directory.CreateTempSubdirectory("lean-fuzz-").FullName;

    public sealed override void Dispose()
    {
        Directory.Delete(Folder, recursive: true);
        base.Dispose();
    }

    protected void Write(string name, ReadOnlySpan<byte> bytes) => File.WriteAllBytes(Path.Combine(Folder, name), bytes);
}
