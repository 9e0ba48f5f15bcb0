using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Lean.Tensors;

/// <summary>Asks the system what a path leads to, without opening it: opening a pipe waits until somebody writes.</summary>
internal static unsafe partial class FileKinds
{
    private const int WorkingFolder = -100;
    private const uint TypeAndMode = 1;
    private const int BufferBytes = 256;
    private const int ModeOffset = 28;
    private const int TypeBits = 0xf000;
    private const int FolderBits = 0x4000;
    private const int RegularBits = 0x8000;

    /// <summary>The kind of what the path leads to, through links.</summary>
    public static FileKind Of(string path)
    {
        if (Directory.Exists(path))
        {
            return FileKind.Folder;
        }

        if (!OperatingSystem.IsLinux())
        {
            return File.Exists(path) ? FileKind.Regular : FileKind.Unknown;
        }

        byte* found = stackalloc byte[BufferBytes];
        if (path.Contains('\0', StringComparison.Ordinal) || Ask(WorkingFolder, path, 0, TypeAndMode, found) != 0)
        {
            return FileKind.Unknown;
        }

        return (BinaryPrimitives.ReadUInt16LittleEndian(new ReadOnlySpan<byte>(found + ModeOffset, sizeof(ushort))) & TypeBits) switch
        {
            RegularBits => FileKind.Regular,
            FolderBits => FileKind.Folder,
            _ => FileKind.Stream,
        };
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Ask(int folder, string path, int flags, uint mask, byte* found);
}
