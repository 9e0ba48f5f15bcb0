using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Lean.Engine.Http;

/// <summary>
/// <c>/</c>: a page to chat and to watch the server. It is one document of its own; the browser is told to run nothing but
/// its script, whose hash it is given, and to ask nobody but this server.
/// </summary>
internal sealed class PageEndpoint
{
    private readonly byte[] _page;
    private readonly string _policy;

    /// <summary>Puts the page together from the program's resources.</summary>
    public PageEndpoint()
    {
        string style = Resource("page.css"), script = Resource("page.js");
        _page = Encoding.UTF8.GetBytes(Resource("page.html")
            .Replace("/*STYLE*/", style, StringComparison.Ordinal)
            .Replace("/*SCRIPT*/", script, StringComparison.Ordinal));
        _policy = $"default-src 'none'; script-src '{Hash(script)}'; style-src '{Hash(style)}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    }

    /// <summary>Sends the page.</summary>
    public Task Handle(HttpContext http)
    {
        IHeaderDictionary headers = http.Response.Headers;
        headers.ContentType = "text/html; charset=utf-8";
        headers.ContentSecurityPolicy = _policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-cache";
        http.Response.ContentLength = _page.Length;
        return http.Response.Body.WriteAsync(_page, http.RequestAborted).AsTask();
    }

    private static string Hash(string text) => $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"page/{name}")
            ?? throw new InvalidOperationException($"the program lacks {name}");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
