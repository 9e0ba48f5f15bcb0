using System.Security.Cryptography;
using System.Text;

namespace Lean.Kernels;

/// <summary>
/// What drivers have compiled, kept in the user's cache folder between runs. A file's name is a hash of the device, its
/// driver and the source, so a new driver or kernel never meets an old binary; a file that is damaged counts as missing.
/// A folder that cannot be written only costs time.
/// </summary>
/// <param name="backEnd">The back end's folder in the cache.</param>
/// <param name="about">Device, driver and options: whatever the driver's result depends on beside the source.</param>
internal sealed class BinaryCache(string backEnd, string about)
{
    private const int HashSize = SHA256.HashSizeInBytes;

    /// <summary>The folder: XDG_CACHE_HOME, or the system's place for such files; null where there is none.</summary>
    private string? Folder
    {
        get
        {
            string? root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            if (string.IsNullOrEmpty(root))
            {
                string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
                root = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                    : home.Length > 0 ? Path.Combine(home, ".cache") : "";
            }

            return Path.IsPathRooted(root) ? Path.Combine(root, "lean", backEnd) : null;
        }
    }

    /// <summary>What a kernel is kept under, or null where nothing can be kept.</summary>
    public string? File(DeviceKernel kernel, byte[] source) => Folder is not { } folder ? null
        : Path.Combine(folder, $"{kernel.Entry}-{Convert.ToHexStringLower(SHA256.HashData([.. Encoding.UTF8.GetBytes(about), 0, .. source]))[..32]}.bin");

    /// <summary>What is kept under a name, or null.</summary>
    public static byte[]? Load(string? file)
    {
        try
        {
            // A file is the hash of its content, then the content.
            byte[] all = System.IO.File.Exists(file) ? System.IO.File.ReadAllBytes(file) : [];
            return all.Length > HashSize && SHA256.HashData(all.AsSpan(HashSize)).AsSpan().SequenceEqual(all.AsSpan(0, HashSize)) ? all[HashSize..] : null;
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Keeps a binary, where there is one to keep and a place for it.</summary>
    public static void Save(string? file, byte[]? binary)
    {
        if (file is null || binary is null)
        {
            return;
        }

        string temporary = $"{file}.{Environment.ProcessId}";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            System.IO.File.WriteAllBytes(temporary, [.. SHA256.HashData(binary), .. binary]);
            System.IO.File.Move(temporary, file, overwrite: true);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // The next run compiles again.
            TryDelete(temporary);
        }
    }

    /// <summary>A driver's build log as the end of a sentence: one line, not too long.</summary>
    public static string Log(ReadOnlySpan<byte> log)
    {
        string text = Encoding.UTF8.GetString(log).TrimEnd('\0').Trim().ReplaceLineEndings(" ");
        return text.Length == 0 ? "" : text.Length > 300 ? $": {text[..300]}…" : $": {text}";
    }

    private static void TryDelete(string file)
    {
        try
        {
            System.IO.File.Delete(file);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // A full disk may refuse even that; the name holds the process id, so nothing else is in the way.
        }
    }
}
